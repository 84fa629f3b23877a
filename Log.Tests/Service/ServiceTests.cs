using Google.Protobuf;
using Grpc.Core;
using LogKit.Tests.Support;
using LogKit.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Moq;

namespace LogKit.Tests.Service;

/// <summary>
/// The behavior of the service, seen from a client generated from the .proto file, over a real socket. Most scenarios run against every
/// backend.
/// </summary>
public sealed class ServiceTests
{
    public static TheoryData<Backend> Backends => [.. Enum.GetValues<Backend>()];

    [Theory]
    [MemberData(nameof(Backends))]
    public Task Consuming_from_an_empty_log_fails(Backend backend) => ServeAsync(backend, async client =>
    {
        var status = await FailureOf(client.ConsumeAsync(new ConsumeRequest { Offset = 0 }).ResponseAsync);
        Assert.Equal(StatusCode.OutOfRange, status.StatusCode);
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task What_is_produced_is_consumed(Backend backend) => ServeAsync(backend, async client =>
    {
        Assert.Equal(0ul, await ProduceAsync(client, "hello", "world"));
        Assert.Equal((0ul, "hello,world"), await ConsumeAsync(client, 0));
        Assert.Equal((1ul, "world"), await ConsumeAsync(client, 1));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task Consuming_past_the_end_fails(Backend backend) => ServeAsync(backend, async client =>
    {
        await ProduceAsync(client, "only");
        var status = await FailureOf(client.ConsumeAsync(new ConsumeRequest { Offset = 1 }).ResponseAsync);
        Assert.Equal("offset 1 is out of range: the log holds [0, 1)", status.Status.Detail);
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task The_range_grows_with_each_batch(Backend backend) => ServeAsync(backend, async client =>
    {
        Assert.Equal(new GetRangeResponse(), await client.GetRangeAsync(new GetRangeRequest()));
        await ProduceAsync(client, "a", "b");
        Assert.Equal(new GetRangeResponse { NextOffset = 2 }, await client.GetRangeAsync(new GetRangeRequest()));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_stream_of_batches_is_produced_and_answered_in_order(Backend backend) => ServeAsync(backend, async client =>
    {
        using var call = client.ProduceStream();
        for (var i = 0; i < 3; i++)
            await call.RequestStream.WriteAsync(Request($"{i}/0", $"{i}/1"));
        await call.RequestStream.CompleteAsync();
        Assert.Equal([0ul, 2ul, 4ul], (await ReadToEndAsync(call.ResponseStream)).Select(response => response.FirstOffset));
        Assert.Equal((4ul, "2/0,2/1"), await ConsumeAsync(client, 4));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_stream_of_thousands_of_batches_keeps_its_order(Backend backend) => ServeAsync(backend, async client =>
    {
        const int Count = 5000;
        using var call = client.ProduceStream();
        var answers = ReadToEndAsync(call.ResponseStream);
        for (var i = 0; i < Count; i++)
            await call.RequestStream.WriteAsync(Request($"{i}"));
        await call.RequestStream.CompleteAsync();
        Assert.Equal(
            Enumerable.Range(0, Count).Select(i => (ulong)i),
            (await answers.Within("the answers")).Select(answer => answer.FirstOffset));
        foreach (var i in (int[])[0, 1, 777, Count - 1])
            Assert.Equal(((ulong)i, $"{i}"), await ConsumeAsync(client, (ulong)i));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_stream_of_no_batches_is_no_failure(Backend backend) => ServeAsync(backend, async client =>
    {
        using var call = client.ProduceStream();
        await call.RequestStream.CompleteAsync();
        Assert.Empty(await ReadToEndAsync(call.ResponseStream));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_batch_is_answered_before_the_stream_is_complete(Backend backend) => ServeAsync(backend, async client =>
    {
        using var call = client.ProduceStream();
        for (var i = 0ul; i < 3; i++)
        {
            await call.RequestStream.WriteAsync(Request("ping"));
            Assert.True(await call.ResponseStream.MoveNext().Within("the answer"));
            Assert.Equal(i, call.ResponseStream.Current.FirstOffset);
        }
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task The_first_failure_ends_a_stream_after_what_came_before_it_is_answered(Backend backend) =>
        ServeAsync(backend, async client =>
        {
            using var call = client.ProduceStream();
            await call.RequestStream.WriteAsync(Request("a"));
            await call.RequestStream.WriteAsync(Request("b"));
            await call.RequestStream.WriteAsync(new ProduceRequest { RecordBatch = BatchOf("c"), ExpectedOffset = 7 });
            var answers = new List<ulong>();
            var failure = await FailureOf(
                Task.Run(async () =>
                {
                    while (await call.ResponseStream.MoveNext())
                        answers.Add(call.ResponseStream.Current.FirstOffset);
                }));
            Assert.Equal([0ul, 1ul], answers);
            Assert.Equal((StatusCode.Aborted, "expected offset 7: the next offset is 2"), (failure.StatusCode, failure.Status.Detail));
        });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_consumed_stream_begins_where_it_is_told_and_follows_the_log(Backend backend) => ServeAsync(backend, async client =>
    {
        await ProduceAsync(client, "a", "b");
        using var call = client.ConsumeStream(new ConsumeRequest { Offset = 1 });
        Assert.Equal((1ul, "b"), await NextAsync(call));
        await ProduceAsync(client, "c", "d");
        Assert.Equal((2ul, "c,d"), await NextAsync(call));
        await ProduceAsync(client, "e");
        Assert.Equal((4ul, "e"), await NextAsync(call));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_tail_of_an_empty_log_gets_what_is_produced_later(Backend backend) => ServeAsync(backend, async client =>
    {
        using var call = client.ConsumeStream(new ConsumeRequest { Offset = 0 });
        var first = NextAsync(call);
        await ProduceAsync(client, "later");
        Assert.Equal((0ul, "later"), await first);
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task Many_tails_all_get_everything_in_order(Backend backend) => ServeAsync(backend, async client =>
    {
        var tails = Enumerable.Range(0, 20).Select(_ => TakeAsync(client, 50)).ToList();
        for (var i = 0; i < 50; i++)
            await ProduceAsync(client, $"{i}");
        foreach (var tail in tails)
            Assert.Equal(Enumerable.Range(0, 50).Select(i => $"{i}"), await tail.Within("a tail"));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task Stop_at_end_ends_at_the_end_as_it_was(Backend backend) => ServeAsync(backend, async client =>
    {
        await ProduceAsync(client, "a", "b");
        await ProduceAsync(client, "c");
        using var call = client.ConsumeStream(new ConsumeRequest { Offset = 0, StopAtEnd = true });
        Assert.Equal(["a,b", "c"], (await ReadToEndAsync(call.ResponseStream).Within("the end")).Select(TextOf));
        using var atEnd = client.ConsumeStream(new ConsumeRequest { Offset = 3, StopAtEnd = true });
        Assert.Empty(await ReadToEndAsync(atEnd.ResponseStream).Within("the end"));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_stream_from_beyond_the_end_fails(Backend backend) => ServeAsync(backend, async client =>
    {
        await ProduceAsync(client, "a");
        using var call = client.ConsumeStream(new ConsumeRequest { Offset = 2 });
        var failure = await FailureOf(call.ResponseStream.MoveNext());
        Assert.Equal(
            (StatusCode.OutOfRange, "offset 2 is out of range: the log holds [0, 1)"), (failure.StatusCode, failure.Status.Detail));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_conditional_produce_is_done_once(Backend backend) => ServeAsync(backend, async client =>
    {
        var request = new ProduceRequest { RecordBatch = BatchOf("once"), ExpectedOffset = 0 };
        Assert.Equal(0ul, (await client.ProduceAsync(request)).FirstOffset);
        Assert.Equal(StatusCode.Aborted, (await FailureOf(client.ProduceAsync(request).ResponseAsync)).StatusCode);
        Assert.Equal(1ul, (await client.GetRangeAsync(new GetRangeRequest())).NextOffset);
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task Sixty_four_concurrent_producers_lose_double_and_reorder_nothing(Backend backend) => ServeAsync(backend, async client =>
    {
        const int Producers = 64, Each = 50;
        var acknowledged = await Task.WhenAll(Enumerable.Range(0, Producers).Select(async producer =>
        {
            var offsets = new List<ulong>();
            for (var i = 0; i < Each; i++)
                offsets.Add(await ProduceAsync(client, $"{producer}:{i}"));
            return offsets;
        })).Within("64 producers");

        using var call = client.ConsumeStream(new ConsumeRequest { StopAtEnd = true });
        var log = (await ReadToEndAsync(call.ResponseStream)).Select(TextOf).ToList();
        Assert.Equal(Producers * Each, log.Count);
        for (var producer = 0; producer < Producers; producer++)
        {
            Assert.Equal(
                Enumerable.Range(0, Each).Select(i => $"{producer}:{i}"), acknowledged[producer].Select(offset => log[(int)offset]));
            Assert.Equal(acknowledged[producer].Order(), acknowledged[producer]);
        }
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_field_of_a_later_version_passes_through_the_log_unchanged(Backend backend) => ServeAsync(backend, async client =>
    {
        // record { value: "a", 9: "new" }, as a newer client would send it
        var record = new V1.Record { Value = ByteString.CopyFromUtf8("a") };
        record.MergeFrom(new byte[] { 0x4A, 0x03, (byte)'n', (byte)'e', (byte)'w' });
        await client.ProduceAsync(new ProduceRequest { RecordBatch = new V1.RecordBatch { Records = { record } } });
        var consumed = await client.ConsumeAsync(new ConsumeRequest { Offset = 0 });
        Assert.Equal(record, consumed.RecordBatch.Records.Single());
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_canceled_tail_ends_and_the_service_continues(Backend backend) => ServeAsync(backend, async client =>
    {
        using var cancellation = new CancellationTokenSource();
        using var call = client.ConsumeStream(new ConsumeRequest { Offset = 0 }, cancellationToken: cancellation.Token);
        var next = call.ResponseStream.MoveNext(CancellationToken.None);
        await cancellation.CancelAsync();
        Assert.Equal(StatusCode.Cancelled, (await FailureOf(next)).StatusCode);
        Assert.Equal(0ul, await ProduceAsync(client, "still there"));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public Task A_tail_with_a_deadline_ends_with_it(Backend backend) => ServeAsync(backend, async client =>
    {
        using var call = client.ConsumeStream(new ConsumeRequest { Offset = 0 }, deadline: DateTime.UtcNow.AddMilliseconds(200));
        Assert.Equal(StatusCode.DeadlineExceeded, (await FailureOf(call.ResponseStream.MoveNext())).StatusCode);
    });

    /// <summary>The queue of a stream is full of appends that are still pending when the first of them fails.</summary>
    [Fact]
    public async Task A_failure_with_a_full_queue_behind_it_ends_the_stream()
    {
        var first = new TaskCompletionSource<ulong>(TaskCreationOptions.RunContinuationsAsynchronously);
        var begun = 0;
        var full = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var mock = new Mock<ILog>();
        mock.Setup(log => log.AppendsInCallOrder).Returns(true);
        mock.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Returns((RecordBatch _, ulong? _, CancellationToken canceled) =>
            {
                if (Interlocked.Increment(ref begun) == 1024)
                    full.SetResult();
                return new ValueTask<ulong>(first.Task.WaitAsync(canceled));
            });
        await using var server = await TestServer.StartAsync(mock.Object);
        using var call = server.Client.ProduceStream();
        for (var i = 0; i < 1200; i++)
            await call.RequestStream.WriteAsync(Request("x"));
        await full.Task.Within("the stream's queue to be full");
        first.SetException(new OffsetMismatchException(7, 9));
        Assert.Equal(StatusCode.Aborted, (await FailureOf(call.ResponseStream.MoveNext())).StatusCode);
        await server.StopAsync().Within("the server to stop");
    }

    /// <summary>The client sends without reading any answers, and then disconnects.</summary>
    [Fact]
    public async Task A_client_that_disconnects_without_reading_its_answers_delays_no_other()
    {
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        using (var cancellation = new CancellationTokenSource())
        {
            using var call = server.Client.ProduceStream(cancellationToken: cancellation.Token);
            var writing = Task.Run(async () =>
            {
                while (true)
                    await call.RequestStream.WriteAsync(Request("x"));
            });

            // Once flow control blocks both directions, the log stops growing.
            for (var seen = ulong.MaxValue; await log.Log.GetRangeAsync() is var range && range.NextOffset != seen; seen = range.NextOffset)
                await log
                    .Log.WaitForAppendAsync(range.NextOffset + 100)
                    .AsTask()
                    .WaitAsync(TimeSpan.FromSeconds(1))
                    .ContinueWith(static _ => { }, TaskScheduler.Default);
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => writing.Within("the writing to end"));
        }

        await server.StopAsync().Within("the server to stop");
    }

    [Fact]
    public async Task Stop_at_end_ends_at_the_end_of_the_log_at_the_call_even_if_a_read_returns_more()
    {
        await using var server = await TestServer.StartAsync(LogThatReturns(() => { }, "a", "b", "appended since").Object);
        using var call = server.Client.ConsumeStream(new ConsumeRequest { StopAtEnd = true });
        Assert.Equal(["a", "b"], (await ReadToEndAsync(call.ResponseStream)).Select(TextOf));
    }

    [Fact]
    public async Task A_stream_that_is_ending_sends_no_more_of_the_batches_that_it_has_read()
    {
        IHostApplicationLifetime? server = null;
        await using var host = await TestServer.StartAsync(LogThatReturns(() => server!.StopApplication(), "a", "b").Object);
        server = host.Services.GetRequiredService<IHostApplicationLifetime>();
        using var call = host.Client.ConsumeStream(new ConsumeRequest());
        Assert.Equal((0ul, "a"), await NextAsync(call));
        Assert.Equal("the server is shutting down", (await FailureOf(call.ResponseStream.MoveNext())).Status.Detail);
    }

    private static async Task ServeAsync(Backend backend, Func<V1.Log.LogClient, Task> scenario)
    {
        await using var log = TestLog.Open(backend);
        await using var server = await TestServer.StartAsync(log.Log);
        await scenario(server.Client);
    }

    /// <summary>
    /// A log whose range has two records, and whose read returns one batch per text. Calls <paramref name="between"/> when the second batch
    /// is taken.
    /// </summary>
    private static Mock<ILog> LogThatReturns(Action between, params string[] texts)
    {
        var batches = new Mock<IReadOnlyList<RecordBatch>>();
        batches.Setup(batches => batches.Count).Returns(texts.Length);
        batches.Setup(batches => batches[It.IsAny<int>()]).Returns((int index) =>
        {
            if (index == 1)
                between();
            return RecordBatch.OfText(texts[index]);
        });
        var log = new Mock<ILog>();
        log.Setup(log => log.GetRangeAsync(It.IsAny<CancellationToken>())).ReturnsAsync(new LogRange(0, 2));
        log.Setup(log => log.ReadBatchesAsync(0, It.IsAny<int>(), It.IsAny<CancellationToken>())).ReturnsAsync(batches.Object);
        return log;
    }

    private static V1.RecordBatch BatchOf(params string[] texts) =>
        new() { Records = { texts.Select(text => new V1.Record { Value = ByteString.CopyFromUtf8(text) }) } };

    private static ProduceRequest Request(params string[] texts) => new() { RecordBatch = BatchOf(texts) };

    private static async Task<ulong> ProduceAsync(V1.Log.LogClient client, params string[] texts) =>
        (await client.ProduceAsync(Request(texts))).FirstOffset;

    private static async Task<(ulong, string)> ConsumeAsync(V1.Log.LogClient client, ulong offset)
    {
        var response = await client.ConsumeAsync(new ConsumeRequest { Offset = offset });
        return (response.FirstOffset, TextOf(response));
    }

    private static async Task<(ulong, string)> NextAsync(AsyncServerStreamingCall<ConsumeResponse> call)
    {
        Assert.True(await call.ResponseStream.MoveNext().Within("the next batch of a stream"));
        return (call.ResponseStream.Current.FirstOffset, TextOf(call.ResponseStream.Current));
    }

    private static async Task<List<string>> TakeAsync(V1.Log.LogClient client, int count)
    {
        using var call = client.ConsumeStream(new ConsumeRequest { Offset = 0 });
        var taken = new List<string>();
        while (taken.Count < count && await call.ResponseStream.MoveNext())
            taken.Add(TextOf(call.ResponseStream.Current));
        return taken;
    }

    private static async Task<List<T>> ReadToEndAsync<T>(IAsyncStreamReader<T> stream)
        where T : class
    {
        var all = new List<T>();
        while (await stream.MoveNext())
            all.Add(stream.Current);
        return all;
    }

    private static string TextOf(ConsumeResponse response) =>
        string.Join(',', response.RecordBatch.Records.Select(record => record.Value.ToStringUtf8()));

    private static async Task<RpcException> FailureOf(Task call) => await Assert.ThrowsAsync<RpcException>(() => call.Within("a failure"));
}
