using Google.Protobuf;
using Grpc.Core;
using LogKit.Client;
using LogKit.Tests.Support;
using LogKit.V1;
using Moq;

using ConsumeResponse = LogKit.V1.Envelope.ConsumeResponse;

namespace LogKit.Tests.Client;

/// <summary>A tail continues after a failure of its server, or reports why it cannot.</summary>
public sealed class TailTests
{
    private const int Kills = 4;
    private const int RecordsPerLife = 50;

    [Fact]
    public async Task A_tail_returns_every_record_once_and_in_order_although_the_server_is_killed()
    {
        using var server = new RestartedServer();
        await server.StartAsync();
        await using var log = server.Connect();
        using var ending = new CancellationTokenSource();
        var seen = new List<string>();
        var interruptions = 0;
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var end = ulong.MaxValue;
        var tail = Task.Run(async () =>
        {
            await using var reader = server.Connect();
            await foreach (var (first, batch) in reader.TailAsync(0, _ => Interlocked.Increment(ref interruptions), ending.Token))
            {
                Assert.Equal((ulong)seen.Count, first);
                seen.AddRange(batch.Select(record => record.ToString()));
                if (first + (ulong)batch.Count >= Volatile.Read(ref end))
                    reached.TrySetResult();
            }
        });

        for (var life = 0; ; life++)
        {
            var kill = Task.CompletedTask;
            for (var i = 0; i < RecordsPerLife; i++)
            {
                if (life < Kills && i == RecordsPerLife / 2)
                    kill = server.KillAsync();
                await TryAppendAsync(log, $"{life}.{i}");
            }

            await kill;
            if (life == Kills)
                break;
            await server.StartAsync();
            await AppendOneAsync(log, $"{life} is over");
        }

        var next = (await log.GetRangeAsync()).NextOffset;
        Volatile.Write(ref end, next);
        await AppendOneAsync(log, "the last");
        await Task.WhenAny(tail, reached.Task).Within("the tail to reach the end");
        await ending.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => tail);

        var content = new List<string>();
        await foreach (var (_, batch) in log.ReadFromAsync(0, stopAtEnd: true))
            content.AddRange(batch.Select(record => record.ToString()));
        Assert.Equal(content[..seen.Count], seen);
        Assert.True((ulong)seen.Count >= next);
        Assert.True(interruptions >= Kills, $"{interruptions} interruptions of {Kills}");
    }

    [Fact]
    public async Task A_tail_ends_where_the_log_has_no_such_offset()
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        await using var log = server.Connect();
        var failure = await Assert.ThrowsAsync<OffsetOutOfRangeException>(async () =>
        {
            await foreach (var unused in log.TailAsync(1))
                Assert.Fail("there is nothing to read");
        }).Within("the tail to end");
        Assert.Equal(1ul, failure.Offset);
    }

    [Fact]
    public async Task A_tail_refuses_records_that_it_did_not_ask_for()
    {
        var response = new ConsumeResponse { FirstOffset = 4, RecordBatch = ByteString.CopyFrom(RecordBatch.OfText("x").Encoded.Span) };
        await using var log = new GrpcLog(ChannelThatAnswers(response));
        await using var tail = log.TailAsync(3).GetAsyncEnumerator();
        var failure = await Assert.ThrowsAsync<LogException>(() => tail.MoveNextAsync().AsTask().Within("the tail to end"));
        Assert.Equal("the server sent records from offset 4 instead of 3", failure.Message);
    }

    private static ChannelBase ChannelThatAnswers(ConsumeResponse response)
    {
        var responses = new Mock<IAsyncStreamReader<ConsumeResponse>>();
        responses.Setup(reader => reader.MoveNext(It.IsAny<CancellationToken>())).ReturnsAsync(true);
        responses.Setup(reader => reader.Current).Returns(response);
        var invoker = new Mock<CallInvoker>();
        invoker
            .Setup(calls =>
                calls.AsyncServerStreamingCall(
                    LogMethods.ConsumeStream, It.IsAny<string?>(), It.IsAny<CallOptions>(), It.IsAny<ConsumeRequest>()))
            .Returns(
                new AsyncServerStreamingCall<ConsumeResponse>(
                    responses.Object, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { }));
        var channel = new Mock<ChannelBase>("a server that is mistaken");
        channel.Setup(target => target.CreateCallInvoker()).Returns(invoker.Object);
        return channel.Object;
    }

    private static async Task TryAppendAsync(GrpcLog log, string text)
    {
        try
        {
            await log.AppendBatchAsync(RecordBatch.OfText(text));
        }
        catch (Exception exception) when (exception is LogUnavailableException or AppendOutcomeUnknownException)
        {
            // The server is not available, or was lost during the call.
        }
    }

    /// <summary>Appends after the channel has found the restarted server.</summary>
    private static async Task AppendOneAsync(GrpcLog log, string text)
    {
        await using (var tail = log.TailAsync(0).GetAsyncEnumerator())
            await tail.MoveNextAsync().AsTask().Within("the server to be found again");
        await log.AppendBatchAsync(RecordBatch.OfText(text));
    }
}
