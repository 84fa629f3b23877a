using System.Security.Cryptography.X509Certificates;
using LogKit.Client;
using LogKit.Testing;
using LogKit.Tests.Support;
using Moq;

namespace LogKit.Tests.Client;

/// <summary>How a client connects: trust, identity, choice of a server, and timeouts.</summary>
public sealed class ConnectTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_certificate_or_a_token_identifies_the_caller_and_a_refusal_says_what_is_not_permitted()
    {
        await using var server = await SecureServer.StartAsync("alice produce consume\ncarol produce\n");
        server.Process.Expects(20, 20);
        var ca = Write("ca.crt", server.Authority.Pem);
        using var alice = server.Authority.Client("alice");
        var byCertificate = new GrpcLogOptions
        {
            CaFile = ca,
            CertificateFile = Write("alice.crt", alice.ExportCertificatePem()),
            KeyFile = Write("alice.key", alice.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()),
        };
        foreach (var address in new[]
            {
                $"https://localhost:{server.Port}",
                $"https://localhost:{server.Port},https://localhost:{server.Port}",
                $"dns:///localhost:{server.Port}",
            })
        {
            await using var log = GrpcLog.Connect(address, byCertificate);
            var offset = await log.AppendBatchAsync(RecordBatch.OfText(address));
            Assert.Equal(address, (await log.ReadBatchAsync(offset))[0].ToString());
        }

        await using var carol = GrpcLog.Connect(
            $"https://localhost:{server.Port}", new GrpcLogOptions { CaFile = ca, Token = SecureServer.Token });
        Assert.Equal(3ul, await carol.AppendBatchAsync(RecordBatch.OfText("by token")));
        var forbidden = await Assert.ThrowsAsync<LogAccessException>(() => carol.ReadBatchAsync(0).AsTask());
        Assert.Equal("carol is not permitted to consume", forbidden.Message);

        await using var nobody = GrpcLog.Connect($"https://localhost:{server.Port}", new GrpcLogOptions { CaFile = ca });
        var unknown = await Assert.ThrowsAsync<LogAccessException>(() => nobody.AppendBatchAsync(RecordBatch.OfText("x")).AsTask());
        Assert.Equal("client identity is required", unknown.Message);
    }

    [Theory]
    [InlineData("https://127.0.0.1:{0}")]
    [InlineData("https://127.0.0.1:{0},https://127.0.0.1:{0}")]
    public async Task A_server_with_another_name_or_authority_is_not_trusted(string otherName)
    {
        await using var server = await SecureServer.StartAsync("carol produce\n");
        using var stranger = new TestAuthority("another authority");
        await AssertNotReachedAsync(string.Format(null, otherName, server.Port), Write("ca.crt", server.Authority.Pem));
        await AssertNotReachedAsync($"https://localhost:{server.Port}", Write("other.crt", stranger.Pem));
    }

    [Fact]
    public async Task When_a_server_stops_its_calls_go_to_the_other()
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var first = await TestServer.StartAsync(backend.Log);
        await using var second = await TestServer.StartAsync(backend.Log);
        await using var log = GrpcLog.Connect($"{first.Address},{second.Address}");
        await log.AppendBatchAsync(RecordBatch.OfText("a"));
        await first.StopAsync();
        for (var i = 0; i < 10; i++)
            Assert.Equal(new LogRange(0, 1), await log.GetRangeAsync());
        Assert.Equal(1ul, await AppendAsync().Within("an append to reach the server that is left"));

        // Until the load balancer notices, an append may reach the stopped server. It fails without storing anything, so it can be
        // repeated.
        async Task<ulong> AppendAsync()
        {
            while (true)
            {
                try
                {
                    return await log.AppendBatchAsync(RecordBatch.OfText("b"));
                }
                catch (LogUnavailableException)
                {
                    await Task.Yield();
                }
            }
        }
    }

    [Theory]
    [InlineData("http://127.0.0.1:{0}")]
    [InlineData("http://127.0.0.1:{0},http://127.0.0.1:{1}")]
    [InlineData("dns:///localhost:{0}")]
    public async Task Reads_end_and_the_client_recovers_however_often_its_connections_are_cut(string address)
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        await using var first = new NetworkProxy(new Uri(server.Address).Port);
        await using var second = new NetworkProxy(new Uri(server.Address).Port);
        await using var log = GrpcLog.Connect(string.Format(null, address, first.Port, second.Port));
        for (var round = 0; round < 3 * TestSeed.Effort; round++)
        {
            var isCut = false;
            var reads = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                while (!Volatile.Read(ref isCut))
                    await TryReadAsync();
                await TryReadAsync();
            })).ToList();
            for (var i = 0; i < round; i++)
                await TryReadAsync();
            first.Disconnect();
            second.Disconnect();
            Volatile.Write(ref isCut, true);
            await Task.WhenAll(reads).Within("reads to end whose connections are cut");
            first.Reconnect();
            second.Reconnect();
            await Poll.UntilAsync(TryReadAsync, "the client to connect again");
        }

        async Task<bool> TryReadAsync()
        {
            try
            {
                return (await log.GetRangeAsync()).NextOffset == 0;
            }
            catch (LogUnavailableException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task A_server_that_cannot_be_reached_costs_no_call_while_another_can_and_a_name_that_does_not_resolve_is_reported()
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        await using var log = GrpcLog.Connect($"http://127.0.0.1:1,{server.Address},http://no-such-host.invalid:1");
        for (var i = 0ul; i < 20; i++)
            Assert.Equal(i, await log.AppendBatchAsync(RecordBatch.OfText("x"))); // which is never repeated

        await using var nowhere = GrpcLog.Connect("dns:///no-such-host.invalid:1");
        var unresolved = await Assert.ThrowsAsync<LogUnavailableException>(() => nowhere.GetRangeAsync().AsTask());
        Assert.StartsWith("the server cannot be reached: ", unresolved.Message, StringComparison.Ordinal);
        Assert.Contains("no-such-host.invalid:1", unresolved.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_deadline_ends_a_call_that_the_server_does_not_answer()
    {
        var mock = new Mock<ILog>();
        mock.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Returns(async (RecordBatch _, ulong? _, CancellationToken token) => { await Task.Delay(Timeout.Infinite, token); return 0; });
        mock.Setup(log => log.ReadBatchAsync(It.IsAny<ulong>(), It.IsAny<CancellationToken>()))
            .Returns(async (ulong _, CancellationToken token) =>
            {
                await Task.Delay(Timeout.Infinite, token);
                return RecordBatch.OfText("x");
            });
        await using var server = await TestServer.StartAsync(mock.Object);
        await using var log = GrpcLog.Connect(server.Address, new GrpcLogOptions { Deadline = TimeSpan.FromMilliseconds(50) });
        var append = await Assert.ThrowsAsync<AppendOutcomeUnknownException>(() => log.AppendBatchAsync(RecordBatch.OfText("x")).AsTask());
        Assert.Equal("the append's outcome is unknown: its deadline passed before the server answered", append.Message);
        var read = await Assert.ThrowsAsync<LogUnavailableException>(() => log.ReadBatchAsync(0).AsTask());
        Assert.Equal("the deadline passed before the server answered", read.Message);
    }

    [Fact]
    public async Task A_read_is_retried_when_the_server_is_unavailable_and_an_append_never_is()
    {
        var mock = new Mock<ILog>();
        mock.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Throws(new LogUnavailableException());
        mock.SetupSequence(log => log.GetRangeAsync(It.IsAny<CancellationToken>()))
            .Throws(new LogUnavailableException()).Throws(new LogUnavailableException()).ReturnsAsync(new LogRange(0, 7));
        await using var server = await TestServer.StartAsync(mock.Object);
        await using var log = server.Connect();
        Assert.Equal(new LogRange(0, 7), await log.GetRangeAsync());
        await Assert.ThrowsAsync<LogUnavailableException>(() => log.AppendBatchAsync(RecordBatch.OfText("x")).AsTask());
        await Assert.ThrowsAnyAsync<LogException>(async () =>
        {
            await foreach (var _ in log.AppendStreamAsync(One(RecordBatch.OfText("x"))))
                Assert.Fail("nothing was appended");
        });
        mock.Verify(
            log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()), Times.Exactly(2));
    }

    [Theory]
    [InlineData("http://localhost:1", "a token requires TLS: the address 'http://localhost:1' must be https://")]
    [InlineData(
        "http://localhost:1,http://localhost:2",
        "a token requires TLS: the address 'http://localhost:1,http://localhost:2' must be https://")]
    [InlineData(
        "http://localhost:1,https://localhost:2",
        "invalid address 'http://localhost:1,https://localhost:2': all servers must use http://, or all must use https://")]
    [InlineData(
        "https://localhost:1,dns:///localhost:2",
        "invalid address 'https://localhost:1,dns:///localhost:2': dns:/// cannot be combined with other addresses: it "
            + "resolves to several servers itself")]
    [InlineData(
        "localhost:1",
        "invalid address 'localhost:1': it must be http://HOST:PORT or https://HOST:PORT, or several of these separated by commas, "
            + "or dns:///HOST:PORT"
    )]
    public void An_invalid_address_is_refused_with_an_explanation(string address, string message) =>
        Assert.Equal(
            message, Assert.Throws<ArgumentException>(() => GrpcLog.Connect(address, new GrpcLogOptions { Token = "secret" })).Message);

    [Fact]
    public void An_invalid_file_is_named_together_with_its_problem()
    {
        using var authority = new TestAuthority();
        var (certificate, key) = (Write("own.crt", authority.Server().Certificate), Write("other.key", authority.Server().Key));
        var empty = Write("empty", "");
        AssertRefused(new GrpcLogOptions { CaFile = empty }, $"the CA file {empty} contains no PEM certificate");
        AssertRefused(new GrpcLogOptions { CaFile = _directory["none"] }, $"the CA file {_directory["none"]} cannot be read: ");
        AssertRefused(
            new GrpcLogOptions { CertificateFile = certificate },
            "a certificate file and a key file must be given together: one of them is missing");
        AssertRefused(
            new GrpcLogOptions { CertificateFile = certificate, KeyFile = key },
            $"the key file {key} does not contain the key of {certificate}: ");
        AssertRefused(
            new GrpcLogOptions { CertificateFile = certificate, KeyFile = empty },
            $"the key file {empty} does not contain the key of {certificate}: ");
        AssertRefused(new GrpcLogOptions { Token = "two\nlines" }, "invalid token: ");
    }

    private static void AssertRefused(GrpcLogOptions options, string message) => Assert.StartsWith(
        message, Assert.Throws<ArgumentException>(() => GrpcLog.Connect("https://localhost:1", options)).Message, StringComparison.Ordinal);

    private static async Task AssertNotReachedAsync(string address, string caFile)
    {
        await using var log = GrpcLog.Connect(address, new GrpcLogOptions { CaFile = caFile, Token = SecureServer.Token });
        var refused = await Assert.ThrowsAsync<LogUnavailableException>(() => log.AppendBatchAsync(RecordBatch.OfText("x")).AsTask());
        Assert.StartsWith("the server cannot be reached: The remote certificate ", refused.Message, StringComparison.Ordinal);
    }

    private static async IAsyncEnumerable<RecordBatch> One(RecordBatch batch)
    {
        await Task.CompletedTask;
        yield return batch;
    }

    private string Write(string name, string text)
    {
        File.WriteAllText(_directory[name], text);
        return _directory[name];
    }
}
