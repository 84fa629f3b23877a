namespace LogKit.Client;

/// <summary>
/// Options for connecting to a server and for authentication. Files are in PEM format and are read once, in <see cref="GrpcLog.Connect"/>.
/// </summary>
public sealed record GrpcLogOptions
{
    /// <summary>
    /// The file with the certificates of a private authority. If set, only that authority is trusted. The host name is verified as usual.
    /// </summary>
    public string? CaFile { get; init; }

    /// <summary>The file with the client certificate, followed by intermediate certificates. Requires <see cref="KeyFile"/>.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>The file with the key of <see cref="CertificateFile"/>, not encrypted.</summary>
    public string? KeyFile { get; init; }

    /// <summary>A bearer token, which is sent with each call. Requires TLS.</summary>
    public string? Token { get; init; }

    /// <summary>
    /// Whether to use TLS for a <c>dns:///</c> address, which does not include a scheme. Implied by the other properties that require TLS.
    /// </summary>
    public bool UseTls { get; init; }

    /// <summary>
    /// The time limit for a single append, read, or range request; null, the default, means none. If it expires, an append fails with
    /// <see cref="AppendOutcomeUnknownException"/>, other calls with <see cref="LogUnavailableException"/>. Does not apply to waits and
    /// streams.
    /// </summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>How long a connection with open calls may be silent before the client checks that the server is still there.</summary>
    internal TimeSpan PingDelay { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long the answer to that check may take before the connection counts as lost.</summary>
    internal TimeSpan PingTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
