using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hostile.Soak;

/// <summary>
/// The files of a secure server in a soak, in the directory of the test. The server accepts one client, which identifies itself by a token.
/// </summary>
internal sealed class SoakFiles : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly TestDirectory _directory;
    private int _writes;

    public SoakFiles(TestDirectory directory)
    {
        _directory = directory;
        File.WriteAllText(directory["ca.crt"], _authority.Pem);
        File.WriteAllText(directory["tokens"], $"soak {SecureServer.HashOf(SecureServer.Token)}\n");
        WriteCertificate();
        Permit("produce consume");
    }

    public GrpcLogOptions Options => new() { CaFile = _directory["ca.crt"], Token = SecureServer.Token };

    public IReadOnlyList<string> Settings =>
    [
        "--Log:Address=https://127.0.0.1:0", "--Log:ReloadIntervalMs=20", "--Log:HandshakeLimitMs=1000",
        $"--Log:CertificateFile={_directory["server.crt"]}",
        $"--Log:KeyFile={_directory["server.key"]}", $"--Log:TokensFile={_directory["tokens"]}", $"--Log:AccessFile={_directory["access"]}",
    ];

    /// <summary>Replaces the certificate with a new one of the same kind.</summary>
    public void WriteCertificate()
    {
        var (certificate, key) = _authority.Server();
        File.WriteAllText(_directory["server.crt"], certificate);
        File.WriteAllText(_directory["server.key"], key);
    }

    public void Permit(string actions) =>
        File.WriteAllText(_directory["access"], FormattableString.Invariant($"# {_writes++}\nsoak {actions}\n"));

    public void Dispose() => _authority.Dispose();
}
