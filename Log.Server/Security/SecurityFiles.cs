namespace LogKit.Server.Security;

/// <summary>Where it stands who may connect, and who may do what; null for what is not asked for.</summary>
internal sealed record SecurityFiles
{
    public string? Certificate { get; init; }

    public string? Key { get; init; }

    public string? ClientCa { get; init; }

    public string? Tokens { get; init; }

    public string? Access { get; init; }

    /// <summary>Those that mean nothing without TLS, with the names of their settings.</summary>
    public IEnumerable<(string Name, string? Path)> TlsOnly =>
    [
        ("CertificateFile", Certificate), ("KeyFile", Key), ("ClientCaFile", ClientCa), ("TokensFile", Tokens), ("AccessFile", Access),
    ];

    /// <summary>What says who calls.</summary>
    public (string Name, string Path)? Identity =>
        ClientCa is not null ? ("ClientCaFile", ClientCa) : Tokens is not null ? ("TokensFile", Tokens) : null;
}
