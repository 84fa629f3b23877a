using System.Net;
using System.Net.Sockets;
using System.Text;
using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Client;

/// <summary>
/// However a connection is lost, and however gRPC reports it, the client treats it as an interruption, which never ends a tail.
/// </summary>
public sealed class LostConnectionTests : IDisposable
{
    private static readonly GrpcLogOptions QuickPings = new()
    {
        PingDelay = TimeSpan.FromSeconds(1),
        PingTimeout = TimeSpan.FromSeconds(1),
    };

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [LinuxFact]
    public async Task A_server_that_falls_silent_interrupts_a_tail_which_continues_when_it_responds_again()
    {
        using var server = ServerProcess.StartOn(_directory["log"]);
        await using var log = GrpcLog.Connect(await server.AddressAsync(), QuickPings);
        await log.AppendBatchAsync(RecordBatch.OfText("first"));
        var interruption = new TaskCompletionSource<LogUnavailableException>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var tail = log.TailAsync(0, exception => interruption.TrySetResult(exception)).GetAsyncEnumerator();
        Assert.True(await tail.MoveNextAsync());
        var next = tail.MoveNextAsync().AsTask();
        var wait = log.WaitForAppendAsync(1).AsTask();

        server.Signal("STOP");
        try
        {
            await interruption.Task.Within("the tail to be interrupted");
            await Assert.ThrowsAsync<LogUnavailableException>(() => wait.Within("the wait to end"));
            await Assert.ThrowsAsync<LogUnavailableException>(() => log.GetRangeAsync().AsTask().Within("an answer"));
        }
        finally
        {
            server.Signal("CONT");
        }

        await using var other = GrpcLog.Connect(await server.AddressAsync());
        await other.AppendBatchAsync(RecordBatch.OfText("second"));
        Assert.True(await next.Within("the tail to go on"));
        Assert.Equal((1ul, "second"), (tail.Current.FirstOffset, tail.Current.Batch[0].ToString()));
    }

    public static TheoryData<string> Peers => ["resets", "closes", "speaks HTTP/1.1", "sends garbage", "closes after the settings"];

    [Theory]
    [MemberData(nameof(Peers))]
    public async Task A_peer_that_is_not_a_server_is_unavailable_and_appends_report_a_correct_outcome(string peer)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeAsync(listener, peer);
        await using var log = GrpcLog.Connect($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}", QuickPings);

        await Assert.ThrowsAsync<LogUnavailableException>(() => log.GetRangeAsync().AsTask().Within("an answer"));
        await Assert.ThrowsAsync<LogUnavailableException>(() => log.ReadBatchAsync(0).AsTask().Within("an answer"));
        var append = await Assert.ThrowsAnyAsync<LogException>(() =>
            log.AppendBatchAsync(RecordBatch.OfText("a")).AsTask().Within("an answer"));
        Assert.True(append is LogUnavailableException or AppendOutcomeUnknownException, $"{append}");
        listener.Stop();
        await serving;
    }

    private static async Task ServeAsync(TcpListener listener, string peer)
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync();
                await AnswerAsync(client, peer);
            }
        }
        catch (Exception exception) when (exception is SocketException or IOException or InvalidOperationException)
        {
            // The listener was stopped, or the client has disconnected.
        }
    }

    private static async Task AnswerAsync(TcpClient client, string peer)
    {
        try
        {
            switch (peer)
            {
                case "resets":
                    client.LingerState = new LingerOption(enable: true, seconds: 0);
                    break;
                case "speaks HTTP/1.1":
                    await client
                        .GetStream()
                        .WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
                    break;
                case "sends garbage":
                    await client.GetStream().WriteAsync(Enumerable.Range(0, 1000).Select(i => (byte)(i * 37)).ToArray());
                    break;
                case "closes after the settings":
                    await client.GetStream().WriteAsync(new byte[] { 0, 0, 0, 4, 0, 0, 0, 0, 0 });
                    break;
                default:
                    break;
            }
        }
        catch (IOException)
        {
            // The client disconnected first.
        }
    }
}
