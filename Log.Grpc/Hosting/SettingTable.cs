using System.Globalization;
using System.Net;
using LogKit.Disk;

using static System.FormattableString;

namespace LogKit.Grpc.Hosting;

/// <summary>One setting: its key below <see cref="ServerSettings.Section"/>, what it is and may be, how it is shown, and how it is read.</summary>
internal sealed record Setting(
    string Name, string Meaning, string Allowed, Func<ServerSettings, string> Show, Func<ServerSettings, string, ServerSettings?> TryRead)
{
    public string Key => $"{ServerSettings.Section}:{Name}";

    /// <summary>Whether its value is never shown, whatever is wrong with it.</summary>
    public bool IsSecret { get; init; }
}

/// <summary>Every setting there is, in the order in which the help shows them. The README's tables are tested against it.</summary>
internal static class SettingTable
{
    private const string None = "none";
    private const long HourMs = 60 * 60 * 1000;
    private const long GiB = 1024 * 1024 * 1024;

    public static IReadOnlyList<Setting> Rows { get; } =
    [
        new("Address", "where to listen", "http://ADDRESS:PORT or https://ADDRESS:PORT, with a number or localhost for ADDRESS",
            settings => settings.Address.ToString().TrimEnd('/'),
            (settings, value) => IsAddress(value) ? settings with { Address = new Uri(value) } : null),
        new("ManagementAddress", "where to answer GET /healthz and /readyz, to anybody", "none, or http://ADDRESS:PORT, with a number or localhost for ADDRESS",
            settings => settings.ManagementAddress?.ToString().TrimEnd('/') ?? None,
            (settings, value) => value.Equals(None, StringComparison.OrdinalIgnoreCase) ? settings with { ManagementAddress = null }
                : IsAddress(value) && new Uri(value) is var address && address.Scheme == Uri.UriSchemeHttp ? settings with { ManagementAddress = address } : null),
        Choice("Backend", "where the log is kept", settings => settings.Backend, (settings, backend) => settings with { Backend = backend }),
        new("Directory", "the directory of the disk log, made if need be", "the path of a directory",
            settings => settings.Directory,
            (settings, value) => value.Length > 0 ? settings with { Directory = value } : null),
        new("ConnectionString", "how the database of Backend=Postgres is reached", "none, or KEY=VALUE;KEY=VALUE... as Npgsql has it, which is never shown",
            settings => settings.ConnectionString is null ? None : "set",
            (settings, value) => string.IsNullOrWhiteSpace(value) ? null
                : settings with { ConnectionString = value.Equals(None, StringComparison.OrdinalIgnoreCase) ? null : value }) { IsSecret = true },
        new("LogName", "which of the database's logs is served, made if need be", "a name of at most 200 characters",
            settings => settings.LogName,
            (settings, value) => value.Length is >= 1 and <= 200 ? settings with { LogName = value } : null),
        Choice("FlushMode", "when an append is flushed to the device",
            settings => settings.Disk.FlushMode, (settings, mode) => settings.With(disk => disk with { FlushMode = mode })),
        Number("FlushIntervalMs", "the time between flushes for FlushMode=Interval, in milliseconds", 1, 60_000,
            settings => settings.Disk.FlushIntervalMs, (settings, number) => settings.With(disk => disk with { FlushIntervalMs = (int)number })),
        Number("BatchLimitBytes", "the largest batch that is taken, in bytes", 1024, 8 * 1024 * 1024,
            settings => settings.Disk.BatchLimitBytes, (settings, number) => settings.With(disk => disk with { BatchLimitBytes = (int)number })),
        Number("SegmentLimitBytes", "the size of a segment file, in bytes", 64 * 1024, GiB,
            settings => settings.Disk.SegmentLimitBytes, (settings, number) => settings.With(disk => disk with { SegmentLimitBytes = (int)number })),
        new("RetentionLimitBytes", "what the log may take of the disk, in bytes: the oldest segments are removed", "none, or a number from twice the size of a segment on",
            settings => settings.Disk.RetentionLimitBytes is { } limit ? Text(limit) : None,
            (settings, value) => TryParseLimit(value, 2 * 64 * 1024, long.MaxValue, out var number)
                ? settings.With(disk => disk with { RetentionLimitBytes = number }) : null),
        new("RetentionLimitHours", "how long a record is kept at least, in hours: older segments are removed", "none, or a number from 1 to 876000",
            settings => settings.Disk.RetentionLimitMs is { } limit ? Text(limit / HourMs) : None,
            (settings, value) => TryParseLimit(value, 1, 876_000, out var number)
                ? settings.With(disk => disk with { RetentionLimitMs = number * HourMs }) : null),

        File("CertificateFile", "the server's certificate, and what it is signed by short of the root, in PEM",
            settings => settings.Files.Certificate, (files, path) => files with { Certificate = path }),
        File("KeyFile", "the key of the server's certificate, in PEM", settings => settings.Files.Key, (files, path) => files with { Key = path }),
        File("ClientCaFile", "the authorities whose client certificates are accepted, in PEM",
            settings => settings.Files.ClientCa, (files, path) => files with { ClientCa = path }),
        File("TokensFile", "whose bearer token is whose: lines IDENTITY SHA256", settings => settings.Files.Tokens, (files, path) => files with { Tokens = path }),
        File("AccessFile", "who may do what: lines IDENTITY produce consume", settings => settings.Files.Access, (files, path) => files with { Access = path }),
        Number("ReloadIntervalMs", "how often these files are looked at for changes, in milliseconds", 10, 3_600_000,
            settings => settings.ReloadIntervalMs, (settings, number) => settings with { ReloadIntervalMs = (int)number }),
        new("Insecure", "whether anybody who can connect may be served on an address that is not loopback", "true or false",
            settings => settings.Insecure ? "true" : "false",
            (settings, value) => bool.TryParse(value, out var insecure) ? settings with { Insecure = insecure } : null),

        Choice("JournalFormat", "how the journal is written",
            settings => settings.JournalFormat, (settings, format) => settings with { JournalFormat = format }),
        Number("MessageLimitBytes", "the largest request, in bytes", 64 * 1024, 24 * 1024 * 1024,
            settings => settings.Service.MessageLimitBytes, (settings, number) => settings.With(service => service with { MessageLimitBytes = (int)number })),
        Number("QueuedLimitBytes", "the bytes of requests and answers that may be in memory, of all callers together", 1024 * 1024, 64 * GiB,
            settings => settings.Service.QueuedLimitBytes, (settings, number) => settings.With(service => service with { QueuedLimitBytes = number })),
        Number("StreamLimit", "the streams that may be open, of all callers together", 1, 1_000_000,
            settings => settings.Service.StreamLimit, (settings, number) => settings.With(service => service with { StreamLimit = (int)number })),
        Number("CallLimit", "the calls that may be open, of all callers together, without streams", 1, 1_000_000,
            settings => settings.Service.CallLimit, (settings, number) => settings.With(service => service with { CallLimit = (int)number })),
        Number("RequestLimitMs", "how long a request may take to arrive, in milliseconds", 1, 86_400_000,
            settings => settings.Service.RequestLimitMs, (settings, number) => settings.With(service => service with { RequestLimitMs = number })),
        Number("StallLimitMs", "how long an answer may wait for its caller to take it, in milliseconds", 1, 86_400_000,
            settings => settings.Service.StallLimitMs, (settings, number) => settings.With(service => service with { StallLimitMs = number })),
        Number("ConnectionLimit", "the connections that may be open", 1, 1_000_000,
            settings => settings.Transport.ConnectionLimit, (settings, number) => settings.With(limits => limits with { ConnectionLimit = (int)number })),
        Number("ConnectionStreamLimit", "the calls that may be open on one connection", 1, 100_000,
            settings => settings.Transport.ConnectionStreamLimit, (settings, number) => settings.With(limits => limits with { ConnectionStreamLimit = (int)number })),
        Number("HeaderLimitBytes", "the headers of a request, in bytes", 4 * 1024, 1024 * 1024,
            settings => settings.Transport.HeaderLimitBytes, (settings, number) => settings.With(limits => limits with { HeaderLimitBytes = (int)number })),
        Number("HandshakeLimitMs", "how long a TLS handshake may take, in milliseconds", 100, 600_000,
            settings => settings.Transport.HandshakeLimitMs, (settings, number) => settings.With(limits => limits with { HandshakeLimitMs = (int)number })),
        Number("IdleLimitMs", "how long a connection may be without a call, in milliseconds", 100, 86_400_000,
            settings => settings.Transport.IdleLimitMs, (settings, number) => settings.With(limits => limits with { IdleLimitMs = (int)number })),
        Number("PingIntervalMs", "how long a connection may be silent before it is pinged, in milliseconds", 1000, 86_400_000,
            settings => settings.Transport.PingIntervalMs, (settings, number) => settings.With(limits => limits with { PingIntervalMs = (int)number })),
        Number("PingLimitMs", "how long the answer to a ping may take, in milliseconds", 1000, 600_000,
            settings => settings.Transport.PingLimitMs, (settings, number) => settings.With(limits => limits with { PingLimitMs = (int)number })),
        Number("StopLimitMs", "how long a stopping server waits for its calls to end, in milliseconds", 0, 600_000,
            settings => settings.Transport.StopLimitMs, (settings, number) => settings.With(limits => limits with { StopLimitMs = (int)number })),
    ];

    private static Setting Number(
        string name, string meaning, long least, long most, Func<ServerSettings, long> get, Func<ServerSettings, long, ServerSettings> set) =>
        new(name, meaning, Invariant($"a number from {least} to {most}"), settings => Text(get(settings)),
            (settings, value) => TryParseLimit(value, least, most, out var number) && number is { } some ? set(settings, some) : null);

    private static Setting File(
        string name, string meaning, Func<ServerSettings, string?> get, Func<Security.SecurityFiles, string?, Security.SecurityFiles> set) =>
        new(name, meaning, "none, or the path of a file", settings => get(settings) ?? None,
            (settings, value) => value.Length == 0 ? null : settings with { Files = set(settings.Files, value.Equals(None, StringComparison.OrdinalIgnoreCase) ? null : value) });

    private static Setting Choice<T>(string name, string meaning, Func<ServerSettings, T> get, Func<ServerSettings, T, ServerSettings> set)
        where T : struct, Enum
    {
        var names = Enum.GetNames<T>();
        return new(name, meaning, $"{string.Join(", ", names[..^1])} or {names[^1]}", settings => get(settings).ToString(), (settings, value) =>

            // By name only: the class library would take numbers and lists, too, and make another mode of "Always,Never".
            names.FirstOrDefault(name => name.Equals(value, StringComparison.OrdinalIgnoreCase)) is { } found ? set(settings, Enum.Parse<T>(found)) : null);
    }

    private static ServerSettings With(this ServerSettings settings, Func<DiskLogOptions, DiskLogOptions> change) => settings with { Disk = change(settings.Disk) };

    private static ServerSettings With(this ServerSettings settings, Func<LogKitOptions, LogKitOptions> change) => settings with { Service = change(settings.Service) };

    private static ServerSettings With(this ServerSettings settings, Func<TransportLimits, TransportLimits> change) => settings with { Transport = change(settings.Transport) };

    private static bool IsAddress(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
        && uri.PathAndQuery is "/" && uri.UserInfo is "" && uri.Fragment is "" && NamesPort(uri)
        && (uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(uri.DnsSafeHost, out _));

    /// <summary>Whether the port is there, and not the scheme's own, which no one means who leaves it out.</summary>
    private static bool NamesPort(Uri address) => address.OriginalString.TrimEnd('/') is var text && text.LastIndexOf(':') > text.LastIndexOfAny(['/', ']']);

    private static bool TryParseLimit(string value, long least, long most, out long? limit)
    {
        limit = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        return limit is null ? value.Equals(None, StringComparison.OrdinalIgnoreCase) : number >= least && number <= most;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
