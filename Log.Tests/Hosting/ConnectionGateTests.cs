using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using LogKit.Client;
using LogKit.Tests.Hostile;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Hosting;

/// <summary>A stranger may open any number of connections: other clients can still connect, and the journal stays readable.</summary>
public sealed class ConnectionGateTests : IDisposable
{
    private const int Limit = 16;

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Connections_without_calls_keep_nobody_out_and_are_said_once()
    {
        using var server = ServerProcess.StartOn(_directory["log"], $"--Log:ConnectionLimit={Limit}");
        server.Expects(41);
        var address = await server.AddressAsync();
        await using var before = GrpcLog.Connect(address);
        await before.AppendBatchAsync(RecordBatch.OfText("before"));
        using var tail = new CancellationTokenSource();
        await using var tailing = before.ReadFromAsync(0, stopAtEnd: false, tail.Token).GetAsyncEnumerator();
        Assert.True(await tailing.MoveNextAsync());

        var strangers = new List<Socket>();
        try
        {
            for (var i = 0; i < 4 * Limit; i++)
                strangers.Add(await ConnectAsync(address));
            await using var after = GrpcLog.Connect(address);
            Assert.Equal(1ul, await after.AppendBatchAsync(RecordBatch.OfText("after")).AsTask().Within("a newcomer to be served"));
            Assert.True(await tailing.MoveNextAsync().AsTask().Within("the tail to go on"));
            using var probe = ServerProcess.Start(["--health", address]);
            Assert.Equal(0, await probe.ExitCodeAsync());
        }
        finally
        {
            strangers.ForEach(stranger => stranger.Dispose());
        }

        Assert.Single(server.Output.Split('\n'), line =>
            line.Contains($"the limit of {Limit} connections is reached", StringComparison.Ordinal));
        Assert.DoesNotContain("fail:", server.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_without_a_call_is_closed_however_often_it_pings()
    {
        using var server = ServerProcess.StartOn(_directory["log"], "--Log:IdleLimitMs=300");
        using var peer = await Http2Peer.ConnectAsync(await server.AddressAsync());
        var closed = peer.ReadGoAwayAsync();
        await Poll.UntilAsync(
            async () =>
            {
                try
                {
                    await peer.SendAsync(Http2Peer.Frame(Http2Peer.Ping, 0, 0, new byte[8]));
                }
                catch (Exception exception) when (exception is IOException or SocketException)
                {
                    return true;
                }

                return closed.IsCompleted;
            },
            "the connection to be closed");
        Assert.Equal(0u, await closed ?? 0u); // NO_ERROR
    }

    [Fact]
    public async Task Handshakes_without_HTTP_2_are_said_a_few_times_and_then_counted()
    {
        await using var server = await SecureServer.StartAsync("alice produce\n");
        server.Process.Expects([.. Enumerable.Repeat(42, 10)]);
        for (var i = 0; i < 30; i++)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, server.Port);
#pragma warning disable CA5359 // like a port scanner, the client accepts any certificate
            await using var tls = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, (_, _, _, _) => true);
#pragma warning restore CA5359
            await tls.AuthenticateAsClientAsync("localhost");
            Assert.Equal(0, await tls.ReadAsync(new byte[1]).AsTask().Within("the server to close"));
        }

        await server
            .Connect(server.Authority.Client("alice"))
            .ProduceAsync(new ProduceRequest { RecordBatch = new V1.RecordBatch { Records = { new V1.Record() } } });
        var lines = server
            .Process.Output.Split('\n')
            .Where(line => line.Contains("did not offer HTTP/2", StringComparison.Ordinal))
            .ToList();
        Assert.Equal(10, lines.Count);
        Assert.DoesNotContain("fail:", server.Process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_with_a_subject_that_would_write_lines_of_its_own_stays_on_one()
    {
        await using var server = await SecureServer.StartAsync("alice produce\n");
        server.Process.Expects(21);
        using var foreign = new TestAuthority();
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName("eve\r\n2026-01-01T00:00:00.000Z info: LogKit[10] forged \u001b[2J\u0085" + new string('x', 1000));
        using var certificate = foreign.Client(subject.Build());
        await Assert.ThrowsAnyAsync<Exception>(async () => await server.Connect(certificate).ProduceAsync(new ProduceRequest()));
        await server.Process.SaysAsync("the client certificate of");
        var line = Assert.Single(server.Process.Output.Split('\n'), line => line.Contains("eve", StringComparison.Ordinal));
        Assert.Contains(@"eve\u{D}\u{A}2026", line, StringComparison.Ordinal);
        Assert.Contains(@"\u{1B}", line, StringComparison.Ordinal);
        Assert.True(line.Length < 400, line);
    }

    private static async Task<Socket> ConnectAsync(string address)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, new Uri(address).Port);
        return socket;
    }
}
