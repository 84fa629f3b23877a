using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;

namespace LogKit.Tests.Support;

/// <summary>The real server in a separate process, with mutual TLS, tokens, and an access list, in files that a test may change.</summary>
internal sealed class SecureServer : IAsyncDisposable
{
    public const string Token = "fdcb2b7bb1b84b7c9f3a5e0e3b8b6d42";

    private readonly TestDirectory _directory = new();
    private readonly List<GrpcChannel> _channels = [];
    private ServerProcess? _process;
    private string _address = "";

    public TestAuthority Authority { get; } = new();

    public ServerProcess Process => _process!;

    public string AccessFile => _directory["access"];

    public string TokensFile => _directory["tokens"];

    public string CertificateFile => _directory["server.crt"];

    public string KeyFile => _directory["server.key"];

    public int Port => new Uri(_address).Port;

    public static async Task<SecureServer> StartAsync(string access, params string[] settings)
    {
        var server = new SecureServer();
        server.WriteCertificate(server.Authority.Server());
        await File.WriteAllTextAsync(server._directory["ca.crt"], server.Authority.Pem);
        await File.WriteAllTextAsync(server.AccessFile, access);
        await File.WriteAllTextAsync(server.TokensFile, $"carol {HashOf(Token)}\n");
        server._process = ServerProcess.Start([
            "--Log:Address=https://127.0.0.1:0", "--Log:Backend=Memory", "--Log:ReloadIntervalMs=20",
            $"--Log:CertificateFile={server.CertificateFile}", $"--Log:KeyFile={server.KeyFile}",
            $"--Log:ClientCaFile={server._directory["ca.crt"]}", $"--Log:TokensFile={server.TokensFile}",
            $"--Log:AccessFile={server.AccessFile}", .. settings,
        ]);
        server._address = await server._process.AddressAsync();
        return server;
    }

    public static string HashOf(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    public void WriteCertificate((string Certificate, string Key) pair)
    {
        File.WriteAllText(CertificateFile, pair.Certificate);
        File.WriteAllText(KeyFile, pair.Key);
    }

    /// <summary>Creates a client with its own connection.</summary>
    /// <param name="certificate">The certificate that the client presents; null for none.</param>
    /// <param name="token">The token that the client sends; null for none.</param>
    /// <param name="trusted">The authority that the client trusts; null for the server's.</param>
    /// <param name="serverSeen">Called with the server's certificate at each handshake.</param>
    /// <param name="host">The host name in the address that the client connects to.</param>
    public V1.Log.LogClient Connect(
        X509Certificate2? certificate = null,
        string? token = null,
        X509Certificate2? trusted = null,
        Action<X509Certificate>? serverSeen = null,
        string host = "localhost")
    {
        var options = new SslClientAuthenticationOptions
        {
            ClientCertificates = certificate is null ? null : [certificate],
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { trusted ?? Authority.Root },
                RevocationMode = X509RevocationMode.NoCheck,
            },
        };
        options.RemoteCertificateValidationCallback = (_, shown, _, errors) =>
        {
            serverSeen?.Invoke(shown!);
            return errors is SslPolicyErrors.None;
        };
        var channel = GrpcChannel.ForAddress(
            $"https://{host}:{Port}",
            new GrpcChannelOptions
            {
                HttpHandler = new SocketsHttpHandler { SslOptions = options },
                DisposeHttpClient = true,
                Credentials = token is null
                    ? null
                    : ChannelCredentials.Create(
                        ChannelCredentials.SecureSsl,
                        CallCredentials.FromInterceptor((_, metadata) =>
                        {
                            metadata.Add("authorization", $"Bearer {token}");
                            return Task.CompletedTask;
                        })),
            });
        lock (_channels)
            _channels.Add(channel);
        return new V1.Log.LogClient(channel);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var channel in _channels)
            channel.Dispose();
        _process?.Dispose();
        Authority.Dispose();
        _directory.Dispose();
        await Task.CompletedTask;
    }
}
