using System.Net;
using LogKit.Disk;
using LogKit.Grpc.Observability;
using LogKit.Grpc.Security;
using LogKit.Postgres;

using static System.FormattableString;

namespace LogKit.Grpc.Hosting;

/// <summary>Where the server keeps its log.</summary>
internal enum Backend
{
    /// <summary>In a directory: <see cref="DiskLog"/>.</summary>
    Disk,

    /// <summary>In memory, gone with the process: for trying things out.</summary>
    Memory,

    /// <summary>In a PostgreSQL database, which several servers may share: <see cref="PostgresLog"/>.</summary>
    Postgres,
}

/// <summary>
/// The server's settings, from the section <c>Log</c> of <see cref="SettingSources"/>: a file <c>appsettings.json</c>, then variables
/// (<c>Log__Directory</c>), then arguments (<c>--Log:Directory=data</c>), the later over the earlier. Reading is strict: what is not
/// in the table, or out of its bounds, is an error that names the key, the value and what would be right.
/// </summary>
internal sealed record ServerSettings
{
    public const string Section = "Log";

    /// <summary>Keys by which an ASP.NET Core server is told where to listen.</summary>
    private static readonly string[] Listeners = [SettingSources.ListenerSection, "urls", "http_ports", "https_ports", "https_port"];

    public Uri Address { get; init; } = new("http://127.0.0.1:8400");

    /// <summary>Where health is answered over HTTP, if anywhere.</summary>
    public Uri? ManagementAddress { get; init; }

    public Backend Backend { get; init; } = Backend.Disk;

    public string Directory { get; init; } = "./data";

    /// <summary>How the database is reached. It holds a password as a rule, and is shown nowhere.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>Which of the database's logs is served.</summary>
    public string LogName { get; init; } = "log";

    public bool Insecure { get; init; }

    public DiskLogOptions Disk { get; init; } = new();

    public LogKitOptions Service { get; init; } = new();

    public TransportLimits Transport { get; init; } = new();

    public SecurityFiles Files { get; init; } = new();

    /// <summary>How often the files of <see cref="Files"/> are looked at.</summary>
    public int ReloadIntervalMs { get; init; } = 1000;

    public JournalFormat JournalFormat { get; init; } = JournalFormat.Text;

    public bool IsTls => Address.Scheme.Equals(Uri.UriSchemeHttps, StringComparison.Ordinal);

    /// <exception cref="SettingException">A setting is wrong.</exception>
    public static ServerSettings Read(IConfiguration configuration)
    {
        foreach (var section in configuration.GetChildren())
            RequireOwn(section);
        var settings = new ServerSettings();
        foreach (var section in configuration.GetSection(Section).GetChildren())
        {
            var setting = SettingTable.Rows.FirstOrDefault(setting => setting.Name.Equals(section.Key, StringComparison.OrdinalIgnoreCase))
                ?? throw new SettingException(section.Path, MayBeSecret(section) ? null : section.Value, $"there is no such setting{Suggestion(section.Key)}");
            if (section.GetChildren().FirstOrDefault() is { } child)
                throw new SettingException(child.Path, setting.IsSecret ? null : child.Value, "there is no such setting");
            settings = (section.Value is { } value ? setting.TryRead(settings, value) : null)
                ?? throw new SettingException(setting.Key, setting.IsSecret ? null : section.Value ?? "", $"must be {setting.Allowed}");
        }

        settings.RequireSense();
        return settings;
    }

    /// <summary>The address as an endpoint; <c>localhost</c> is the loopback of IPv4.</summary>
    public IPEndPoint EndPoint => EndPointOf(Address);

    /// <summary>The management address as an endpoint; null if there is none.</summary>
    public IPEndPoint? ManagementEndPoint => ManagementAddress is null ? null : EndPointOf(ManagementAddress);

    private bool IsLoopback => IPAddress.IsLoopback(EndPoint.Address);

    /// <summary>What no setting is wrong in by itself.</summary>
    private void RequireSense()
    {
        if (Backend == Backend.Postgres && ConnectionString is null)
            throw new SettingException($"{Section}:{nameof(ConnectionString)}", null, $"is missing: {Section}:{nameof(Backend)}={Backend} needs to know the database");
        if (Disk.RetentionLimitBytes is { } retention && retention < 2 * Disk.SegmentLimitBytes)
            throw Wrong("RetentionLimitBytes", Invariant($"{retention}"), Invariant($"must be at least {2 * Disk.SegmentLimitBytes}, twice {Section}:SegmentLimitBytes"));
        if (Service.MessageLimitBytes < Disk.BatchLimitBytes + 1024)
            throw Wrong("MessageLimitBytes", Invariant($"{Service.MessageLimitBytes}"), Invariant($"must be at least {Disk.BatchLimitBytes + 1024}, 1 KiB over {Section}:BatchLimitBytes"));
        if (ManagementAddress is { Port: not 0 } management && management.Port == Address.Port)
            throw Wrong(nameof(ManagementAddress), management.OriginalString, $"must have another port than {Section}:{nameof(Address)}");
        if (!IsTls)
        {
            if (Files.TlsOnly.FirstOrDefault(file => file.Path is not null) is { Path: { } path, Name: var name })
                throw Wrong(name, path, $"is of use over TLS only: give an address that begins with https, as {Section}:{nameof(Address)}");
            if (!IsLoopback && !Insecure)
                throw Wrong(nameof(Address), Address.OriginalString, "plaintext is served on loopback addresses only, unless --insecure is given");
            return;
        }

        if (Files.Certificate is null || Files.Key is null)
            throw Wrong(nameof(Address), Address.OriginalString, $"TLS needs a certificate and its key: give {Section}:CertificateFile and {Section}:KeyFile");
        if (Files.Access is null && Files.Identity is { } identity)
            throw Wrong(identity.Name, identity.Path, $"says who calls, and nothing says who may do what: give {Section}:AccessFile");
        if (Files.Access is { } access && Files.Identity is null)
            throw Wrong("AccessFile", access, $"says who may do what, and nothing says who calls: give {Section}:ClientCaFile or {Section}:TokensFile");
        if (Files.Access is null && !IsLoopback && !Insecure)
            throw Wrong(nameof(Address), Address.OriginalString, $"anybody who can connect could produce and consume: give {Section}:AccessFile, or --insecure");
    }

    private static IPEndPoint EndPointOf(Uri uri) => new(IPAddress.TryParse(uri.DnsSafeHost, out var address) ? address : IPAddress.Loopback, uri.Port);

    private static SettingException Wrong(string name, string value, string problem) => new($"{Section}:{name}", value, problem);

    /// <summary>Refuses what is not the server's, which would seem to have an effect if it were ignored.</summary>
    private static void RequireOwn(IConfigurationSection section)
    {
        if (section.Key.Equals(Section, StringComparison.OrdinalIgnoreCase) || section.Key.Equals(SettingSources.JournalSection, StringComparison.OrdinalIgnoreCase))
        {
            if (section.Value is { } value)
                throw new SettingException(section.Key, value, $"must be an object of settings: \"{section.Key}\": {{ ... }}");
            if (!section.Key.Equals(Section, StringComparison.OrdinalIgnoreCase))
                JournalOutput.RequireLevels(section);
            return;
        }

        var problem = Listeners.Contains(section.Key, StringComparer.OrdinalIgnoreCase)
            ? $"the server listens where {Section}:{nameof(Address)} says, and nowhere else"
            : $"there is no such setting: a settings file has the sections {Section} and {SettingSources.JournalSection}, and no other";
        if (section.Key is not "$schema")
            throw section.GetChildren().FirstOrDefault() is { } child
                ? new SettingException(child.Path, null, problem)
                : new SettingException(section.Key, MayBeSecret(section) ? null : section.Value, problem);
    }

    // A connection string has an equals sign in it, under whatever name it was meant to be one.
    private static bool MayBeSecret(IConfigurationSection section) => Nearest(section.Key).IsSecret || section.Value?.Contains('=', StringComparison.Ordinal) == true;

    private static Setting Nearest(string name) => SettingTable.Rows.MinBy(setting => Spelling.Distance(setting.Name, name))!;

    private static string Suggestion(string name)
    {
        var nearest = Nearest(name);
        return Spelling.Distance(nearest.Name, name) <= 1 + (name.Length / 3)
            ? $": did you mean {nearest.Key}?"
            : $": there are {string.Join(", ", SettingTable.Rows.Select(setting => setting.Key))}";
    }
}

/// <summary>A setting is wrong: the message is for the operator, and all that is shown.</summary>
internal sealed class SettingException(string key, string? value, string problem) : Exception($"{(value is null ? key : $"{key}={value}")}: {problem}");
