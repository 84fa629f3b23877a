using LogKit.Client;
using LogKit.Client.Producing;
using LogKit.InMemory;
using LogKit.Testing;
using LogKit.Tests.Support;

namespace LogKit.Tests.Client;

/// <summary>What a client offers works on any log: on a server, in memory, with calls in order, and one at a time.</summary>
public sealed class StreamsTests
{
    public static TheoryData<string> Logs => ["on a server", "in memory", "one append at a time"];

    [Theory]
    [MemberData(nameof(Logs))]
    public async Task Batches_are_appended_in_order_and_read_back(string where)
    {
        await using var scene = await Scene.OpenAsync(where);
        var appended = new List<(ulong First, string Text)>();
        await foreach (var (first, batch) in scene.Log.AppendStreamAsync(Batches(50)))
            appended.Add((first, batch[0].ToString()));
        Assert.Equal(Enumerable.Range(0, 50).Select(i => ((ulong)i, $"{i}")), appended);

        var read = new List<(ulong First, string Text)>();
        await foreach (var (first, batch) in scene.Log.ReadFromAsync(3, stopAtEnd: true))
            read.Add((first, batch[0].ToString()));
        Assert.Equal(appended[3..], read);
        await Assert.ThrowsAsync<OffsetOutOfRangeException>(async () =>
        {
            await foreach (var _ in scene.Log.ReadFromAsync(51, stopAtEnd: false))
                Assert.Fail("there is nothing");
        });
    }

    [Theory]
    [MemberData(nameof(Logs))]
    public async Task An_empty_batch_ends_the_stream_after_the_answers_to_those_before_it(string where)
    {
        await using var scene = await Scene.OpenAsync(where);
        var answers = 0;
        await Assert.ThrowsAnyAsync<ArgumentException>(async () =>
        {
            await foreach (var _ in scene.Log.AppendStreamAsync(Batches(3, then: new RecordBatch())))
                answers++;
        });
        Assert.Equal(3, answers);
        Assert.Equal(new LogRange(0, 3), await scene.Log.GetRangeAsync());
    }

    [Theory]
    [MemberData(nameof(Logs))]
    public async Task A_source_that_fails_ends_the_stream_after_the_answers(string where)
    {
        await using var scene = await Scene.OpenAsync(where);
        var answers = 0;
        var failure = await Assert.ThrowsAsync<InvalidDataException>(async () =>
        {
            await foreach (var _ in scene.Log.AppendStreamAsync(Failing()))
                answers++;
        });
        Assert.Equal(("the source failed", 3), (failure.Message, answers));

        static async IAsyncEnumerable<RecordBatch> Failing()
        {
            await foreach (var batch in Batches(3))
                yield return batch;
            throw new InvalidDataException("the source failed");
        }
    }

    [Theory]
    [MemberData(nameof(Logs))]
    public async Task Answers_do_not_wait_for_a_source_that_does(string where)
    {
        await using var scene = await Scene.OpenAsync(where);
        var more = new TaskCompletionSource();
        await using var appended = scene.Log.AppendStreamAsync(Waiting()).GetAsyncEnumerator();
        Assert.True(await appended.MoveNextAsync().AsTask().Within("the answer to the first batch"));
        more.SetResult();
        Assert.True(await appended.MoveNextAsync().AsTask().Within("the answer to the second batch"));
        Assert.False(await appended.MoveNextAsync().AsTask().Within("the end"));

        async IAsyncEnumerable<RecordBatch> Waiting()
        {
            yield return RecordBatch.OfText("first");
            await more.Task;
            yield return RecordBatch.OfText("second");
        }
    }

    [Theory]
    [MemberData(nameof(Logs))]
    public async Task Leaving_early_ends_the_source(string where)
    {
        await using var scene = await Scene.OpenAsync(where);
        var isEnded = false;
        await foreach (var _ in scene.Log.AppendStreamAsync(Endless()))
            break;
        Assert.True(isEnded);

        async IAsyncEnumerable<RecordBatch> Endless(
            [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            try
            {
                yield return RecordBatch.OfText("x");
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }
            finally
            {
                isEnded = true;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Logs))]
    public async Task A_tail_waits_for_more_and_ends_with_the_log(string where)
    {
        await using var scene = await Scene.OpenAsync(where);
        await using var tail = scene.Log.TailAsync(0).GetAsyncEnumerator();
        for (var i = 0ul; i < 3; i++)
        {
            var next = tail.MoveNextAsync().AsTask();
            Assert.False(next.IsCompleted && i == 0, "there is nothing yet");
            await scene.Log.AppendBatchAsync(RecordBatch.OfText($"{i}"));
            Assert.True(await next.Within("the next batch"));
            Assert.Equal(i, tail.Current.FirstOffset);
        }

        var last = tail.MoveNextAsync().AsTask();
        await scene.Log.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => last.Within("the end of the log"));
    }

    [Fact]
    public async Task A_tail_goes_on_when_the_log_is_available_again()
    {
        await using var log = new FaultyLog(new InMemoryLog());
        await log.AppendBatchAsync(RecordBatch.OfText("a"));
        log.Inject(Fault.Unavailable, LogOperations.Read, times: 2);
        var interruptions = 0;
        await foreach (var (first, batch) in log.TailAsync(0, _ => interruptions++))
        {
            Assert.Equal((0ul, "a"), (first, batch[0].ToString()));
            break;
        }

        Assert.Equal(2, interruptions);
    }

    [Theory]
    [InlineData("on a server", ProducerMode.Shared)]
    [InlineData("in memory", ProducerMode.Shared)]
    [InlineData("one append at a time", ProducerMode.Shared)]
    [InlineData("in memory", ProducerMode.Exclusive)]
    [InlineData("one append at a time", ProducerMode.Exclusive)]
    public async Task A_batching_producer_appends_to_any_log(string where, ProducerMode mode)
    {
        await using var scene = await Scene.OpenAsync(where);
        await using (var producer = new BatchingProducer(scene.Log, new BatchingProducerOptions { Mode = mode }))
        {
            var appends = Enumerable.Range(0, 200).Select(i => producer.AppendAsync(BitConverter.GetBytes(i)).AsTask()).ToList();
            Assert.Equal(Enumerable.Range(0, 200).Select(i => (ulong)i), await Task.WhenAll(appends).Within("the appends"));
        }

        Assert.Equal(new LogRange(0, 200), await scene.Log.GetRangeAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_exclusive_producer_stores_once_what_was_unanswered(bool isStored)
    {
        await using var log = new FaultyLog(new InMemoryLog());
        await using var producer = new BatchingProducer(log, new BatchingProducerOptions { Mode = ProducerMode.Exclusive });
        for (var i = 0ul; i < 20; i++)
        {
            if (i % 3 == 0)
                log.Inject(Fault.OutcomeUnknown(isStored), LogOperations.Append);
            Assert.Equal(i, await producer.AppendAsync(BitConverter.GetBytes(i)).AsTask().Within("an append whose answer is lost"));
        }

        Assert.Equal(new LogRange(0, 20), await log.GetRangeAsync());
    }

    private static async IAsyncEnumerable<RecordBatch> Batches(int count, RecordBatch? then = null)
    {
        for (var i = 0; i < count; i++)
        {
            if (i % 7 == 0)
                await Task.Yield();
            yield return RecordBatch.OfText($"{i}");
        }

        if (then is not null)
            yield return then;
    }

    private sealed class Scene(ILog log, IAsyncDisposable? server) : IAsyncDisposable
    {
        public ILog Log => log;

        public static async Task<Scene> OpenAsync(string where)
        {
            if (where is "in memory")
                return new Scene(new InMemoryLog(), server: null);
            if (where is "one append at a time")
                return new Scene(new Unordered(), server: null);
            var server = await LogTestServer.StartAsync();
            return new Scene(server.Connect(), server);
        }

        public async ValueTask DisposeAsync()
        {
            await log.DisposeAsync();
            if (server is not null)
                await server.DisposeAsync();
        }
    }

    /// <summary>A log that does not promise to keep the order of calls.</summary>
    private sealed class Unordered : ILog
    {
        private readonly InMemoryLog _log = new();

        public ValueTask<ulong> AppendBatchAsync(
            RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default) =>
            _log.AppendBatchAsync(batch, expectedOffset, cancellationToken);

        public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
            _log.ReadBatchAsync(offset, cancellationToken);

        public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) => _log.GetRangeAsync(cancellationToken);

        public ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
            _log.WaitForAppendAsync(offset, cancellationToken);

        public ValueTask DisposeAsync() => _log.DisposeAsync();
    }
}
