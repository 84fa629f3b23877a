namespace LogKit.Client;

/// <summary>How a client reaches its server, and how it shows who it is. Files are PEM, and are read once, when connecting.</summary>
public sealed record GrpcLogOptions
{
    /// <summary>The certificates of a private authority. Then it alone is trusted, and the server's host name is checked as ever.</summary>
    public string? CaFile { get; init; }

    /// <summary>The client's certificate, followed by those between it and the authority; needs <see cref="KeyFile"/>.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>The key of <see cref="CertificateFile"/>, without a passphrase.</summary>
    public string? KeyFile { get; init; }

    /// <summary>A bearer token, sent with each call, and over TLS only.</summary>
    public string? Token { get; init; }

    /// <summary>
    /// Whether a <c>dns:///</c> address, which does not say it itself, is reached over TLS. The other properties here that need TLS
    /// imply it.
    /// </summary>
    public bool UseTls { get; init; }

    /// <summary>
    /// How long a single append, read or look at the range may take; null, the default, is for ever. An append whose deadline passes
    /// ends with <see cref="AppendOutcomeUnknownException"/>, the others with <see cref="LogUnavailableException"/>. Waits and streams
    /// have none.
    /// </summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>How long the connection may be silent under open calls before the client checks that the server is still there.</summary>
    internal TimeSpan PingDelay { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long the answer to such a check may take; then the connection is lost.</summary>
    internal TimeSpan PingTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
