using System.Globalization;
using System.Net;
using LogKit.Disk;

using static System.FormattableString;

namespace LogKit.Grpc.Hosting;

/// <summary>Where the server keeps its log.</summary>
internal enum Backend
{
    /// <summary>In a directory: <see cref="DiskLog"/>.</summary>
    Disk,

    /// <summary>In memory, gone with the process: for trying things out.</summary>
    Memory,
}

/// <summary>
/// The server's settings, from the configuration's section <c>Log</c>: a file <c>appsettings.json</c>, then variables
/// (<c>Log__Directory</c>), then arguments (<c>--Log:Directory=data</c>), the later over the earlier. Reading is strict: what is not
/// in the table, or out of its bounds, is an error that names the key, the value and what would be right.
/// </summary>
internal sealed record ServerSettings
{
    public const string Section = "Log";

    private const string None = "none";
    private const long HourMs = 60 * 60 * 1000;

    public Uri Address { get; private init; } = new("http://127.0.0.1:8400");

    public Backend Backend { get; private init; } = Backend.Disk;

    public string Directory { get; private init; } = "./data";

    public bool Insecure { get; private init; }

    public DiskLogOptions Disk { get; private init; } = new();

    /// <summary>Every setting there is, in the order in which the help shows them.</summary>
    public static IReadOnlyList<Setting> Table { get; } =
    [
        new("Address", "where to listen", "http://ADDRESS:PORT, with a number or localhost for ADDRESS",
            settings => settings.Address.ToString().TrimEnd('/'),
            (settings, value) => IsAddress(value) ? settings with { Address = new Uri(value) } : null),
        new("Backend", "where the log is kept", "Disk or Memory",
            settings => settings.Backend.ToString(),
            (settings, value) => TryParse<Backend>(value, out var backend) ? settings with { Backend = backend } : null),
        new("Directory", "the directory of the disk log, made if need be", "the path of a directory",
            settings => settings.Directory,
            (settings, value) => value.Length > 0 ? settings with { Directory = value } : null),
        new("FlushMode", "when an append is flushed to the device", "Always, Interval or Never",
            settings => settings.Disk.FlushMode.ToString(),
            (settings, value) => TryParse<FlushMode>(value, out var mode) ? settings.WithDisk(disk => disk with { FlushMode = mode }) : null),
        new("FlushIntervalMs", "the time between flushes for FlushMode=Interval, in milliseconds", "a number from 1 to 60000",
            settings => Text(settings.Disk.FlushIntervalMs),
            (settings, value) => TryParse(value, 1, 60_000, out var number)
                ? settings.WithDisk(disk => disk with { FlushIntervalMs = number }) : null),
        new("BatchLimitBytes", "the largest batch that is taken, in bytes", "a number from 1024 to 8388608",
            settings => Text(settings.Disk.BatchLimitBytes),
            (settings, value) => TryParse(value, 1024, 8 * 1024 * 1024, out var number)
                ? settings.WithDisk(disk => disk with { BatchLimitBytes = number }) : null),
        new("SegmentLimitBytes", "the size of a segment file, in bytes", "a number from 65536 to 1073741824",
            settings => Text(settings.Disk.SegmentLimitBytes),
            (settings, value) => TryParse(value, 64 * 1024, 1024 * 1024 * 1024, out var number)
                ? settings.WithDisk(disk => disk with { SegmentLimitBytes = number }) : null),
        new("RetentionLimitBytes", "what the log may take of the disk, in bytes: the oldest segments are removed", "none, or a number from twice the size of a segment on",
            settings => settings.Disk.RetentionLimitBytes is { } limit ? Text(limit) : None,
            (settings, value) => TryParseLimit(value, 2 * 64 * 1024, long.MaxValue, out var number)
                ? settings.WithDisk(disk => disk with { RetentionLimitBytes = number }) : null),
        new("RetentionLimitHours", "how long a record is kept at least, in hours: older segments are removed", "none, or a number from 1 to 876000",
            settings => settings.Disk.RetentionLimitMs is { } limit ? Text(limit / HourMs) : None,
            (settings, value) => TryParseLimit(value, 1, 876_000, out var number)
                ? settings.WithDisk(disk => disk with { RetentionLimitMs = number * HourMs }) : null),
        new("Insecure", "whether plaintext may be served on an address that is not loopback", "true or false",
            settings => settings.Insecure ? "true" : "false",
            (settings, value) => bool.TryParse(value, out var insecure) ? settings with { Insecure = insecure } : null),
    ];

    /// <summary>One setting: its key below <see cref="Section"/>, what it is and may be, how it is shown, and how it is read.</summary>
    internal sealed record Setting(
        string Name, string Meaning, string Allowed, Func<ServerSettings, string> Show, Func<ServerSettings, string, ServerSettings?> TryRead)
    {
        public string Key => $"{Section}:{Name}";
    }

    /// <exception cref="SettingException">A setting is wrong.</exception>
    public static ServerSettings Read(IConfiguration configuration)
    {
        if (configuration.GetSection("Kestrel").GetChildren().FirstOrDefault() is { } foreign)
            throw new SettingException(foreign.Path, foreign.Value, $"the server listens where {Section}:{nameof(Address)} says, and nowhere else");

        var settings = new ServerSettings();
        foreach (var section in configuration.GetSection(Section).GetChildren())
        {
            var setting = Table.FirstOrDefault(setting => setting.Name.Equals(section.Key, StringComparison.OrdinalIgnoreCase))
                ?? throw new SettingException(section.Path, section.Value, $"there is no such setting{Suggestion(section.Key)}");
            if (section.GetChildren().FirstOrDefault() is { } child)
                throw new SettingException(child.Path, child.Value, "there is no such setting");
            settings = (section.Value is { } value ? setting.TryRead(settings, value) : null)
                ?? throw new SettingException(setting.Key, section.Value ?? "", $"must be {setting.Allowed}");
        }

        if (settings.Disk.RetentionLimitBytes < 2 * settings.Disk.SegmentLimitBytes)
        {
            throw new SettingException(
                $"{Section}:{nameof(DiskLogOptions.RetentionLimitBytes)}", Text(settings.Disk.RetentionLimitBytes.Value), Invariant(
                $"must be at least {2 * settings.Disk.SegmentLimitBytes}, twice {Section}:{nameof(DiskLogOptions.SegmentLimitBytes)}"));
        }

        if (!settings.IsLoopback && !settings.Insecure)
        {
            throw new SettingException(
                $"{Section}:{nameof(Address)}", settings.Address.OriginalString,
                "plaintext is served on loopback addresses only, unless --insecure is given");
        }

        return settings;
    }

    /// <summary>The address as an endpoint; <c>localhost</c> is the loopback of IPv4.</summary>
    public IPEndPoint EndPoint => new(
        IPAddress.TryParse(Address.DnsSafeHost, out var address) ? address : IPAddress.Loopback, Address.Port);

    private bool IsLoopback => IPAddress.IsLoopback(EndPoint.Address);

    private ServerSettings WithDisk(Func<DiskLogOptions, DiskLogOptions> change) => this with { Disk = change(Disk) };

    private static bool IsAddress(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var uri) && uri.Scheme.Equals(Uri.UriSchemeHttp, StringComparison.Ordinal) && uri.PathAndQuery is "/" && uri.UserInfo is "" && uri.Fragment is ""
        && (uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(uri.DnsSafeHost, out _));

    private static bool TryParse<T>(string value, out T result)
        where T : struct, Enum
    {
        // By name only: the class library would take numbers and lists, too, and make another mode of "Always,Never".
        result = default;
        var name = Enum.GetNames<T>().FirstOrDefault(name => name.Equals(value, StringComparison.OrdinalIgnoreCase));
        return name is not null && Enum.TryParse(name, out result);
    }

    private static bool TryParse(string value, int least, int most, out int number) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number >= least && number <= most;

    private static bool TryParseLimit(string value, long least, long most, out long? limit)
    {
        limit = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        return limit is null ? value.Equals(None, StringComparison.OrdinalIgnoreCase) : number >= least && number <= most;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Suggestion(string name)
    {
        var nearest = Table.MinBy(setting => Spelling.Distance(setting.Name, name))!;
        return Spelling.Distance(nearest.Name, name) <= 1 + (name.Length / 3)
            ? $": did you mean {nearest.Key}?"
            : $": there are {string.Join(", ", Table.Select(setting => setting.Key))}";
    }
}

/// <summary>A setting is wrong: the message is for the operator, and all that is shown.</summary>
internal sealed class SettingException(string key, string? value, string problem) : Exception($"{(value is null ? key : $"{key}={value}")}: {problem}");
