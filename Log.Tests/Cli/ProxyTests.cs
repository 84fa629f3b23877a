using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using LogKit.Cli.Errors;
using LogKit.Client.Connecting;
using LogKit.InMemory;
using LogKit.Testing;
using LogKit.Tests.Support;

namespace LogKit.Tests.Cli;

/// <summary>A proxy in the environment: plaintext never uses it, TLS does, and failures of the proxy are definite and name it.</summary>
public sealed class ProxyTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("http_proxy")]
    [InlineData("all_proxy")]
    [InlineData("ALL_PROXY")]
    public async Task Plaintext_never_goes_through_a_proxy(string variable)
    {
        await using var log = new InMemoryLog();
        await using var server = await TestServer.StartAsync(log);
        using var proxy = new ConnectProxy(answer: "");
        var (exitCode, errors) = await RunAsync(variable, proxy.Address, "produce", "value", "--address", server.Address);
        Assert.True(exitCode == ExitCodes.Done, errors);
        Assert.Equal(0, proxy.Connections);
    }

    [Fact]
    public async Task TLS_goes_through_a_proxy()
    {
        await using var server = await SecureServer.StartAsync("alice produce\n");
        using var alice = server.Authority.Client("alice");
        await File.WriteAllTextAsync(_directory["ca.crt"], server.Authority.Pem);
        await File.WriteAllTextAsync(_directory["alice.crt"], alice.ExportCertificatePem());
        await File.WriteAllTextAsync(_directory["alice.key"], alice.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        using var proxy = new ConnectProxy(answer: null);
        var (exitCode, errors) = await RunAsync(
            "https_proxy", proxy.Address, "produce", "value", "--address", $"https://localhost:{server.Port}",
            "--ca", _directory["ca.crt"], "--cert", _directory["alice.crt"], "--key", _directory["alice.key"]);
        Assert.True(exitCode == ExitCodes.Done, errors);
        Assert.Equal(1, proxy.Connections);
    }

    public static TheoryData<string?> Answers =>
        [null, "", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"];

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task A_proxy_that_does_not_connect_is_named_and_nothing_was_sent(string? answer)
    {
        using var proxy = new ConnectProxy(answer ?? "");
        if (answer is null)
            proxy.Dispose();
        foreach (var command in new[] { "produce", "range" })
        {
            string[] values = command is "produce" ? ["value"] : [];
            var secret = proxy.Address.Replace("http://", "http://user:secret@", StringComparison.Ordinal);
            var (exitCode, errors) = await RunAsync("https_proxy", secret, [command, .. values, "--address", "https://127.0.0.1:1"]);
            Assert.Equal(ExitCodes.Failed, exitCode);
            Assert.StartsWith(
                $"error: UNAVAILABLE: cannot reach https://127.0.0.1:1: the proxy {proxy.Address}, from the environment, did not connect: ",
                errors,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_handshake_that_fails_later_is_the_servers_and_not_the_proxys()
    {
        await using var server = await LogTestServer.StartAsync(options: new LogTestServerOptions { Access = "alice consume" });
        using var proxy = new ConnectProxy(answer: null);
        var trusts = true;
        var sockets = new SocketsHttpHandler
        {
            Proxy = new WebProxy(proxy.Address),
            SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => trusts },
        };
        using var handler = new ProxiedHandler(new Uri(proxy.Address), sockets);
        using var client = new HttpMessageInvoker(handler);
        using var response = await client.SendAsync(Request(), CancellationToken.None);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode); // with a gRPC status: there is no token
        server.CutConnections();
        trusts = false;
        HttpRequestException failure;
        do
        {
            failure = await Assert.ThrowsAsync<HttpRequestException>(() => client.SendAsync(Request(), CancellationToken.None));
        }
        while (failure.HttpRequestError is HttpRequestError.InvalidResponse or HttpRequestError.ResponseEnded); // of the old connection
        Assert.Equal(HttpRequestError.SecureConnectionError, failure.HttpRequestError);
        proxy.Dispose();
        failure = await Assert.ThrowsAsync<HttpRequestException>(() => client.SendAsync(Request(), CancellationToken.None));
        Assert.Equal(HttpRequestError.ProxyTunnelError, failure.HttpRequestError);

        HttpRequestMessage Request() => new(HttpMethod.Post, $"{server.Address}/log.v1.Log/GetRange")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { { "content-type", "application/grpc" } } },
        };
    }

    /// <summary>
    /// Runs the program in a separate process, because a process uses the proxies in the environment that it was started with.
    /// </summary>
    private static async Task<(int ExitCode, string Errors)> RunAsync(string variable, string proxy, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [HostileArgumentTests.LogkitPath, .. arguments])
        {
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.EndsWith("_proxy", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        start.Environment[variable] = proxy;
        using var process = Process.Start(start)!;
        var errors = await process.StandardError.ReadToEndAsync().Within("the command");
        await process.WaitForExitAsync();
        return (process.ExitCode, errors);
    }

    /// <summary>A proxy that gives a fixed answer to each request, or accepts CONNECT requests.</summary>
    private sealed class ConnectProxy : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly string? _answer;
        private int _connections;

        /// <param name="answer">The answer that precedes the close of the connection; null to accept the request and connect.</param>
        public ConnectProxy(string? answer)
        {
            _answer = answer;
            _listener.Start();
            Address = $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
            _ = AcceptAsync();
        }

        public string Address { get; }

        public int Connections => Volatile.Read(ref _connections);

        public void Dispose() => _listener.Dispose();

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    var client = await _listener.AcceptTcpClientAsync();
                    Interlocked.Increment(ref _connections);
                    _ = ServeAsync(client);
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The listener was disposed.
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            using (client)
            {
                var stream = client.GetStream();
                var request = new byte[4096];
                var text = Encoding.ASCII.GetString(request, 0, await stream.ReadAsync(request)); // small enough to arrive in one piece
                await stream.WriteAsync(Encoding.ASCII.GetBytes(_answer ?? "HTTP/1.1 200 Connected\r\n\r\n"));
                if (_answer is not null)
                    return;
                using var server = new TcpClient();
                await server.ConnectAsync("localhost", int.Parse(text.Split(' ')[1].Split(':')[1], CultureInfo.InvariantCulture));
                await Task.WhenAny(stream.CopyToAsync(server.GetStream()), server.GetStream().CopyToAsync(stream));
            }
        }
    }
}
