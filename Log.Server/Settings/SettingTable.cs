using System.Net;
using LogKit.Grpc;
using LogKit.Server.Connections;
using LogKit.Server.Observability;

namespace LogKit.Server.Settings;

/// <summary>
/// All settings of a server: its own and those of its backends. Tests compare the documentation with it.
/// </summary>
internal sealed class SettingTable
{
    private const long GiB = 1024 * 1024 * 1024;
    private const int DayMs = 24 * 60 * 60 * 1000;

    private static readonly LogKitOptions Service = new();
    private static readonly TransportLimits Transport = new();

    public static readonly Setting<Uri> Address = new(
        "Address", "where to listen", "http://ADDRESS:PORT or https://ADDRESS:PORT, with a number or localhost for ADDRESS",
        new Uri("http://127.0.0.1:8400"), address => address.ToString().TrimEnd('/'),
        text => IsAddress(text) ? new(new Uri(text)) : null);

    public static readonly Setting<Uri?> ManagementAddress = new(
        "ManagementAddress",
        "where to answer GET /healthz and /readyz, to anyone",
        $"{Setting.None}, or http://ADDRESS:PORT, with a number or localhost for ADDRESS",
        null,
        address => address?.ToString().TrimEnd('/') ?? Setting.None,
        text =>
            Setting.IsNone(text) ? new(null)
            : IsAddress(text) && new Uri(text) is var address && address.Scheme == Uri.UriSchemeHttp ? new(address)
            : null);

    public static readonly Setting<string?> CertificateFile =
        Setting.File("CertificateFile", "the server's certificate and its intermediate certificates, without the root, in PEM");

    public static readonly Setting<string?> KeyFile = Setting.File("KeyFile", "the key of the server's certificate, in PEM");

    public static readonly Setting<string?> ClientCaFile =
        Setting.File("ClientCaFile", "the authorities whose client certificates are accepted, in PEM");

    public static readonly Setting<string?> TokensFile = Setting.File(
        "TokensFile", "the bearer tokens of identities: lines IDENTITY SHA256");

    public static readonly Setting<string?> AccessFile =
        Setting.File("AccessFile", "the rights of identities: lines IDENTITY produce consume");

    /// <summary>The files that require TLS.</summary>
    public static readonly IReadOnlyList<Setting<string?>> TlsFiles = [CertificateFile, KeyFile, ClientCaFile, TokensFile, AccessFile];

    public static readonly Setting<int> ReloadIntervalMs =
        Setting.Number("ReloadIntervalMs", "how often these files are checked for changes, in milliseconds", 10, 3_600_000, 1000);

    public static readonly Setting<bool> Insecure =
        Setting.Switch("Insecure", "whether to serve anyone who can connect on a non-loopback address");

    public static readonly Setting<JournalFormat> JournalFormat = Setting.Choice(
        "JournalFormat", "the format of the journal", Observability.JournalFormat.Text);

    public static readonly Setting<int> MessageLimitBytes =
        Setting.Number("MessageLimitBytes", "the largest request, in bytes", 64 * 1024, 24 * 1024 * 1024, Service.MessageLimitBytes);

    public static readonly Setting<long> QueuedLimitBytes = Setting.LargeNumber(
        "QueuedLimitBytes",
        "the limit on bytes of requests and responses in memory, over all callers",
        1024 * 1024,
        64 * GiB,
        Service.QueuedLimitBytes);

    public static readonly Setting<int> StreamLimit =
        Setting.Number("StreamLimit", "the limit on open streams, over all callers", 1, 1_000_000, Service.StreamLimit);

    public static readonly Setting<int> CallLimit = Setting.Number(
        "CallLimit", "the limit on open unary calls, over all callers", 1, 1_000_000, Service.CallLimit);

    public static readonly Setting<long> RequestLimitMs = Setting.LargeNumber(
        "RequestLimitMs", "how long a request may take to arrive, in milliseconds", 1, DayMs, Service.RequestLimitMs);

    public static readonly Setting<long> StallLimitMs = Setting.LargeNumber(
        "StallLimitMs", "how long a response may wait for its caller to read it, in milliseconds", 1, DayMs, Service.StallLimitMs);

    public static readonly Setting<int> ConnectionLimit =
        Setting.Number("ConnectionLimit", "the limit on open connections", 1, 1_000_000, Transport.ConnectionLimit);

    public static readonly Setting<int> ConnectionStreamLimit =
        Setting.Number("ConnectionStreamLimit", "the limit on open calls per connection", 1, 100_000, Transport.ConnectionStreamLimit);

    public static readonly Setting<int> HeaderLimitBytes =
        Setting.Number(
            "HeaderLimitBytes",
            "the limit on the size of a request's headers, in bytes",
            4 * 1024,
            1024 * 1024,
            Transport.HeaderLimitBytes);

    public static readonly Setting<int> HandshakeLimitMs =
        Setting.Number("HandshakeLimitMs", "how long a TLS handshake may take, in milliseconds", 100, 600_000, Transport.HandshakeLimitMs);

    public static readonly Setting<int> IdleLimitMs = Setting.Number(
        "IdleLimitMs", "how long a connection may be idle, in milliseconds", 100, DayMs, Transport.IdleLimitMs);

    public static readonly Setting<int> PingIntervalMs = Setting.Number(
        "PingIntervalMs",
        "how long a connection may be silent before it is pinged, in milliseconds",
        1000,
        DayMs,
        Transport.PingIntervalMs);

    public static readonly Setting<int> PingLimitMs =
        Setting.Number("PingLimitMs", "how long to wait for the answer to a ping, in milliseconds", 1000, 600_000, Transport.PingLimitMs);

    public static readonly Setting<int> StopLimitMs = Setting.Number(
        "StopLimitMs", "how long a stopping server waits for its calls to end, in milliseconds", 0, 600_000, Transport.StopLimitMs);

    public SettingTable(IReadOnlyList<ILogBackend> backends)
    {
        Backend = Setting.OneOf("Backend", "where the log is kept", [.. backends.Select(backend => backend.Name)]);
        Rows =
        [
            Address, ManagementAddress, Backend,
            .. backends.SelectMany(backend => backend.Settings).Distinct(),
            .. TlsFiles,
            ReloadIntervalMs,
            Insecure,
            JournalFormat,
            MessageLimitBytes,
            QueuedLimitBytes,
            StreamLimit,
            CallLimit,
            RequestLimitMs,
            StallLimitMs,
            ConnectionLimit,
            ConnectionStreamLimit,
            HeaderLimitBytes,
            HandshakeLimitMs,
            IdleLimitMs,
            PingIntervalMs,
            PingLimitMs,
            StopLimitMs,
        ];
        var twice = Rows.GroupBy(setting => setting.Name, StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(settings => settings.Count() > 1);
        if (twice is not null)
            throw new ArgumentException($"two settings are named {twice.Key}", nameof(backends));
    }

    /// <summary>Selects the backend.</summary>
    public Setting<string> Backend { get; }

    /// <summary>All settings, in the order of the help.</summary>
    public IReadOnlyList<Setting> Rows { get; }

    /// <summary>Finds a setting by name; null if there is none.</summary>
    public Setting? Find(string name) => Rows.FirstOrDefault(setting => setting.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The setting whose name is most similar to an unknown name.</summary>
    public Setting Nearest(string name) => Rows.MinBy(setting => Spelling.Distance(setting.Name, name))!;

    private static bool IsAddress(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
        && uri.PathAndQuery is "/" && uri.UserInfo is "" && uri.Fragment is "" && NamesPort(uri)
        && (uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(uri.DnsSafeHost, out _));

    /// <summary>Whether the address includes a port. The default ports 80 and 443 are never intended.</summary>
    private static bool NamesPort(Uri address) =>
        address.OriginalString.TrimEnd('/') is var text && text.LastIndexOf(':') > text.LastIndexOfAny(['/', ']']);
}
