using System.Net;
using LogKit.Grpc;
using LogKit.Server.Connections;
using LogKit.Server.Observability;
using LogKit.Server.Security;

using static System.FormattableString;

namespace LogKit.Server.Settings;

/// <summary>
/// The settings of the server, from the section <c>Log</c> of <see cref="SettingSources"/>: a file <c>appsettings.json</c>, then variables
/// (<c>Log__Directory</c>), then arguments (<c>--Log:Directory=data</c>), each overriding those before. Reading is strict: an unknown
/// setting or an invalid value is an error that names the key, the value, and what is allowed.
/// </summary>
internal sealed record ServerSettings
{
    /// <summary>Keys that set the listening addresses of an ASP.NET Core server.</summary>
    private static readonly string[] Listeners = [SettingSources.ListenerSection, "urls", "http_ports", "https_ports", "https_port"];

    private ServerSettings(SettingValues values, ILogBackend backend)
    {
        (Values, Backend) = (values, backend);
        Service = new LogKitOptions
        {
            MessageLimitBytes = values.Get(SettingTable.MessageLimitBytes),
            QueuedLimitBytes = values.Get(SettingTable.QueuedLimitBytes),
            StreamLimit = values.Get(SettingTable.StreamLimit),
            CallLimit = values.Get(SettingTable.CallLimit),
            RequestLimitMs = values.Get(SettingTable.RequestLimitMs),
            StallLimitMs = values.Get(SettingTable.StallLimitMs),
        };
        Transport = new TransportLimits
        {
            ConnectionLimit = values.Get(SettingTable.ConnectionLimit),
            ConnectionStreamLimit = values.Get(SettingTable.ConnectionStreamLimit),
            HeaderLimitBytes = values.Get(SettingTable.HeaderLimitBytes),
            HandshakeLimitMs = values.Get(SettingTable.HandshakeLimitMs),
            IdleLimitMs = values.Get(SettingTable.IdleLimitMs),
            PingIntervalMs = values.Get(SettingTable.PingIntervalMs),
            PingLimitMs = values.Get(SettingTable.PingLimitMs),
            StopLimitMs = values.Get(SettingTable.StopLimitMs),
        };
        Files = new SecurityFiles
        {
            Certificate = values.Get(SettingTable.CertificateFile),
            Key = values.Get(SettingTable.KeyFile),
            ClientCa = values.Get(SettingTable.ClientCaFile),
            Tokens = values.Get(SettingTable.TokensFile),
            Access = values.Get(SettingTable.AccessFile),
        };
    }

    /// <summary>All values, for the backend.</summary>
    public SettingValues Values { get; }

    /// <summary>The backend.</summary>
    public ILogBackend Backend { get; }

    public Uri Address => Values.Get(SettingTable.Address);

    /// <summary>The address for health checks over HTTP; null if there is none.</summary>
    public Uri? ManagementAddress => Values.Get(SettingTable.ManagementAddress);

    public bool Insecure => Values.Get(SettingTable.Insecure);

    /// <summary>How often <see cref="Files"/> are checked for changes.</summary>
    public int ReloadIntervalMs => Values.Get(SettingTable.ReloadIntervalMs);

    public JournalFormat JournalFormat => Values.Get(SettingTable.JournalFormat);

    public LogKitOptions Service { get; }

    public TransportLimits Transport { get; init; }

    public SecurityFiles Files { get; }

    public bool IsTls => Address.Scheme.Equals(Uri.UriSchemeHttps, StringComparison.Ordinal);

    /// <summary>The address as an endpoint; <c>localhost</c> is the loopback of IPv4.</summary>
    public IPEndPoint EndPoint => EndPointOf(Address);

    /// <summary>The management address as an endpoint; null if there is none.</summary>
    public IPEndPoint? ManagementEndPoint => ManagementAddress is null ? null : EndPointOf(ManagementAddress);

    private bool IsLoopback => IPAddress.IsLoopback(EndPoint.Address);

    /// <exception cref="SettingException">A setting is invalid.</exception>
    public static ServerSettings Read(IConfiguration configuration, IReadOnlyList<ILogBackend> backends)
    {
        var table = new SettingTable(backends);
        foreach (var section in configuration.GetChildren())
            RequireOwn(section, table);
        var values = new SettingValues();
        foreach (var section in configuration.GetSection(Setting.Section).GetChildren())
        {
            var setting = table.Find(section.Key)
                ?? throw new SettingException(
                    section.Path,
                    MayBeSecret(section, table) ? null : section.Value,
                    $"unknown setting{Suggestion(section.Key, table)}");
            if (section.GetChildren().FirstOrDefault() is { } child)
                throw new SettingException(child.Path, setting.IsSecret ? null : child.Value, "unknown setting");
            values.Add(setting, section.Value);
        }

        var settings = new ServerSettings(values, backends.First(backend => backend.Name == values.Get(table.Backend)));
        settings.RequireConsistency();
        return settings;
    }

    /// <summary>Checks that involve more than one setting.</summary>
    private void RequireConsistency()
    {
        if (Backend.Settings.Contains(CommonSettings.BatchLimitBytes)
            && Values.Get(CommonSettings.BatchLimitBytes) + 1024 is var room
            && Service.MessageLimitBytes < room)
            throw Values.Wrong(
                SettingTable.MessageLimitBytes, Invariant($"must be at least {room}, 1 KiB over {CommonSettings.BatchLimitBytes.Key}"));
        if (ManagementAddress is { Port: not 0 } management && management.Port == Address.Port)
            throw Values.Wrong(SettingTable.ManagementAddress, $"must have a different port from {SettingTable.Address.Key}");
        if (!IsTls)
        {
            if (SettingTable.TlsFiles.FirstOrDefault(file => Values.Get(file) is not null) is { } file)
                throw Values.Wrong(file, $"requires TLS: set {SettingTable.Address.Key} to an address that begins with https");
            if (!IsLoopback && !Insecure)
                throw Values.Wrong(SettingTable.Address, "plaintext is served on loopback addresses only, unless --insecure is given");
            return;
        }

        if (Files.Certificate is null || Files.Key is null)
        {
            throw Values.Wrong(
                SettingTable.Address,
                $"TLS needs a certificate and its key: set {SettingTable.CertificateFile.Key} and {SettingTable.KeyFile.Key}");
        }

        var identity = Files.ClientCa is not null ? SettingTable.ClientCaFile : Files.Tokens is not null ? SettingTable.TokensFile : null;
        if (Files.Access is null && identity is not null)
            throw Values.Wrong(identity, $"identifies callers, but nothing says what they may do: set {SettingTable.AccessFile.Key}");
        if (Files.Access is not null && identity is null)
        {
            throw Values.Wrong(
                SettingTable.AccessFile,
                "says what callers may do, but nothing identifies them: "
                    + $"set {SettingTable.ClientCaFile.Key} or {SettingTable.TokensFile.Key}");
        }

        if (Files.Access is null && !IsLoopback && !Insecure)
            throw Values.Wrong(
                SettingTable.Address,
                $"anyone who can connect could produce and consume: set {SettingTable.AccessFile.Key}, or pass --insecure");
    }

    private static IPEndPoint EndPointOf(Uri uri) =>
        new(IPAddress.TryParse(uri.DnsSafeHost, out var address) ? address : IPAddress.Loopback, uri.Port);

    /// <summary>Refuses settings that do not belong to the server. Ignoring them would suggest that they have an effect.</summary>
    private static void RequireOwn(IConfigurationSection section, SettingTable table)
    {
        if (section.Key.Equals(Setting.Section, StringComparison.OrdinalIgnoreCase)
            || section.Key.Equals(SettingSources.JournalSection, StringComparison.OrdinalIgnoreCase))
        {
            if (section.Value is { } value)
                throw new SettingException(section.Key, value, $"must be an object of settings: \"{section.Key}\": {{ ... }}");
            if (!section.Key.Equals(Setting.Section, StringComparison.OrdinalIgnoreCase))
                JournalOutput.RequireLevels(section);
            return;
        }

        var problem = Listeners.Contains(section.Key, StringComparer.OrdinalIgnoreCase)
            ? $"the server listens only on {SettingTable.Address.Key}"
            : $"unknown setting: a settings file has the sections {Setting.Section} and {SettingSources.JournalSection}, and no "
                + "other";
        if (section.Key is not "$schema")
            throw section.GetChildren().FirstOrDefault() is { } child
                ? new SettingException(child.Path, null, problem)
                : new SettingException(section.Key, MayBeSecret(section, table) ? null : section.Value, problem);
    }

    // A connection string contains an equals sign, whatever key it was given for.
    private static bool MayBeSecret(IConfigurationSection section, SettingTable table) =>
        table.Nearest(section.Key).IsSecret || section.Value?.Contains('=', StringComparison.Ordinal) == true;

    private static string Suggestion(string name, SettingTable table)
    {
        var nearest = table.Nearest(name);
        return Spelling.Distance(nearest.Name, name) <= 1 + (name.Length / 3)
            ? $": did you mean {nearest.Key}?"
            : $": there are {string.Join(", ", table.Rows.Select(setting => setting.Key))}";
    }
}
