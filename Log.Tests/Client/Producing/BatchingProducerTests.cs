using System.Buffers;
using System.Text;
using LogKit.Client;
using LogKit.Client.Producing;
using LogKit.Tests.Support;
using Moq;

namespace LogKit.Tests.Client.Producing;

/// <summary>
/// The producer combines the records of many callers into batches, reports to each caller the outcome of its own records, and bounds its
/// memory.
/// </summary>
public sealed class BatchingProducerTests
{
    public static TheoryData<ProducerMode> Modes => [ProducerMode.Shared, ProducerMode.Exclusive];

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task Records_of_many_tasks_are_stored_in_few_batches_at_the_offsets_that_the_tasks_received(ProducerMode mode)
    {
        const int Records = 5000;
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        await using var log = server.Connect();
        await log.AppendBatchAsync(RecordBatch.OfText("there before"));
        await using var producer = new BatchingProducer(log, new BatchingProducerOptions { Mode = mode });
        var offsets = await Task.WhenAll(Enumerable.Range(0, Records).Select(i => Task.Run(() => AppendAsync(producer, $"{i}"))))
            .Within("all records to be acknowledged");

        Assert.Equal(Enumerable.Range(1, Records).Select(i => (ulong)i), offsets.Order());
        var stored = await backend.Log.ReadAllTextAsync();
        Assert.All(offsets, (offset, i) => Assert.Equal($"{i}", stored[(int)offset]));
        var batches = 0;
        await foreach (var unused in log.ReadFromAsync(1, stopAtEnd: true))
            batches++;
        Assert.InRange(batches, 1, Records / 2);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task Records_are_stored_in_the_order_of_the_calls_and_disposing_drains_them(ProducerMode mode)
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        await using var log = server.Connect();
        var texts = Enumerable.Range(0, 1000).Select(i => $"{i}").ToList();
        var producer = new BatchingProducer(
            log,
            new BatchingProducerOptions
            {
                Mode = mode,
                BatchLimitBytes = 100,
                QueuedLimitBytes = 500,
            });
        var appends = texts.Select(text => AppendAsync(producer, text)).ToList();
        await producer.DisposeAsync().AsTask().Within("the producer to drain");

        await Task.WhenAll(appends).Within("the appends, which have their answers, to go on");
        Assert.Equal(texts, await backend.Log.ReadAllTextAsync());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => AppendAsync(producer, "late"));
    }

    [Fact]
    public async Task A_flush_completes_when_all_earlier_records_are_acknowledged()
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        await using var log = server.Connect();
        await using var producer = new BatchingProducer(log);
        var appends = Enumerable.Range(0, 100).Select(i => AppendAsync(producer, $"{i}")).ToList();
        await producer.FlushAsync().Within("the flush");
        Assert.Equal(100ul, (await log.GetRangeAsync()).NextOffset);
        await Task.WhenAll(appends).Within("the appends, which have their outcome");
    }

    [Fact]
    public async Task A_record_that_is_too_large_fails_alone()
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        await using var log = server.Connect();
        await using var producer = new BatchingProducer(log, new BatchingProducerOptions { BatchLimitBytes = 104 });
        var before = AppendAsync(producer, "before");
        var tooLarge = await Assert.ThrowsAsync<BatchTooLargeException>(() => AppendAsync(producer, new string('x', 101)));
        Assert.Equal(new RecordBatch(new Record(new byte[101])).SizeBytes, tooLarge.SizeBytes);
        Assert.Equal(0ul, await before.Within("the record before"));
        Assert.Equal(1ul, await AppendAsync(producer, new string('x', 100)).Within("the largest record"));
    }

    [Fact]
    public async Task When_the_log_does_not_answer_records_wait_for_room_and_can_be_canceled_until_they_are_sent()
    {
        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answer = new TaskCompletionSource<ulong>(TaskCreationOptions.RunContinuationsAsynchronously);
        var mock = new Mock<ILog>();
        mock.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Callback(called.SetResult).Returns(() => new ValueTask<ulong>(answer.Task));
        await using var server = await TestServer.StartAsync(mock.Object);
        await using var log = server.Connect();
        await using var producer = new BatchingProducer(log, new BatchingProducerOptions { QueuedLimitBytes = 100, InFlightLimit = 1 });
        using var canceled = new CancellationTokenSource();
        var sent = await producer.EnqueueAsync(new byte[40], canceled.Token);
        await called.Task.Within("the log to get the first record");
        var queued = await producer.EnqueueAsync(new byte[40], canceled.Token);
        var waiting = producer.EnqueueAsync(new byte[40], canceled.Token).AsTask();
        Assert.False(waiting.IsCompleted);

        await canceled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queued.Within("the queued record to be taken back"));
        var withdrawn = await waiting.Within("the waiting record to be taken back");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => withdrawn);
        Assert.False(sent.IsCompleted);
        answer.SetResult(7);
        Assert.Equal(7ul, await sent.Within("the answer"));
    }

    [Fact]
    public async Task Disposal_gives_up_on_a_log_that_does_not_answer_after_the_limit()
    {
        var mock = new Mock<ILog>();
        mock.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Returns<RecordBatch, ulong?, CancellationToken>((_, _, token) => new ValueTask<ulong>(NeverAsync(token)));
        await using var server = await TestServer.StartAsync(mock.Object);
        await using var log = server.Connect();
        var producer = new BatchingProducer(
            log,
            new BatchingProducerOptions
            {
                InFlightLimit = 1,
                BatchLimitBytes = 50,
                DrainLimit = TimeSpan.FromMilliseconds(200),
            });
        var sent = AppendAsync(producer, new string('x', 40));
        var unsent = AppendAsync(producer, new string('x', 40));
        await producer.DisposeAsync().AsTask().Within("the producer to give up");
        await Assert.ThrowsAsync<AppendOutcomeUnknownException>(() => sent);
        await Assert.ThrowsAsync<LogUnavailableException>(() => unsent);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_record_that_cannot_be_sent_within_its_limit_is_not_stored(ProducerMode mode)
    {
        await using var log = GrpcLog.Connect("http://127.0.0.1:1");
        var options = new BatchingProducerOptions
        {
            Mode = mode,
            DeliveryLimit = TimeSpan.FromMilliseconds(200),
            QueuedLimitBytes = 50,
            DrainLimit = TimeSpan.FromMilliseconds(1),
        };
        await using var producer = new BatchingProducer(log, options);
        var queued = AppendAsync(producer, new string('x', 40));
        var waiting = AppendAsync(producer, new string('x', 40)); // waits for room
        var unsent = await Assert.ThrowsAsync<LogUnavailableException>(() => queued.Within("the limit"));
        Assert.Equal("the record was not sent within 0.2 s, and is not stored", unsent.Message);
        await Assert.ThrowsAsync<LogUnavailableException>(() => waiting.Within("the limit"));
    }

    [Fact]
    public async Task A_record_without_an_answer_within_its_limit_has_an_unknown_outcome_even_if_it_is_canceled()
    {
        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var mock = new Mock<ILog>();
        mock.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Returns<RecordBatch, ulong?, CancellationToken>((_, _, token) =>
            {
                called.SetResult();
                return new ValueTask<ulong>(NeverAsync(token));
            });
        await using var server = await TestServer.StartAsync(mock.Object);
        await using var log = server.Connect();
        var options = new BatchingProducerOptions { DeliveryLimit = TimeSpan.FromSeconds(1), DrainLimit = TimeSpan.FromMilliseconds(1) };
        await using var producer = new BatchingProducer(log, options);
        using var canceling = new CancellationTokenSource();
        var sent = producer.AppendAsync("sent"u8.ToArray(), canceling.Token).AsTask();
        await called.Task.Within("the log to get the record");
        await canceling.CancelAsync();
        var unknown = await Assert.ThrowsAsync<AppendOutcomeUnknownException>(() => sent.Within("the limit"));
        Assert.Equal("the append's outcome is unknown: the server did not answer within 1 s", unknown.Message);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_record_whose_buffer_was_disposed_fails_alone(ProducerMode mode)
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        await using var log = server.Connect();
        await using var producer = new BatchingProducer(log, new BatchingProducerOptions { Mode = mode });
        using var gone = new DisposedBuffer();
        var before = Enumerable.Range(0, 10).Select(i => AppendAsync(producer, $"before {i}")).ToList();
        var failing = producer.AppendAsync(gone.Memory).AsTask();
        var after = Enumerable.Range(0, 10).Select(i => AppendAsync(producer, $"after {i}")).ToList();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => failing.Within("the failure"));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => (ulong)i), await Task.WhenAll([.. before, .. after]).Within("the others"));
    }

    [Fact]
    public async Task An_append_by_someone_else_ends_an_exclusive_producer_and_fails_all_pending_records()
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        await using var log = server.Connect();
        await using var producer = new BatchingProducer(log, new BatchingProducerOptions { Mode = ProducerMode.Exclusive });
        await AppendAsync(producer, "mine");
        await backend.Log.AppendBatchAsync(RecordBatch.OfText("foreign"));
        var fenced = await Assert.ThrowsAsync<ProducerFencedException>(() =>
            AppendAsync(producer, "mine too").Within("the producer to notice"));
        Assert.Equal("another writer appended at offset 1, although this producer is exclusive: the log holds [0, 2)", fenced.Message);
        await Assert.ThrowsAsync<ProducerFencedException>(() => AppendAsync(producer, "and this").Within("the producer to refuse"));
        Assert.Equal(["mine", "foreign"], await backend.Log.ReadAllTextAsync());
    }

    public static TheoryData<bool, LogException> Faults => new()
    {
        { true, new AppendOutcomeUnknownException() }, // stored, but not acknowledged
        { false, new AppendOutcomeUnknownException() },
        { true, new OffsetMismatchException(0, 1) }, // the first attempt was stored late
        { false, new LogUnavailableException() },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task An_exclusive_producer_finds_out_whether_a_failed_batch_was_stored(bool isStored, LogException fault)
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(FailingOnce(backend.Log, isStored, fault));
        await using var log = server.Connect();
        await using var producer = new BatchingProducer(log, new BatchingProducerOptions { Mode = ProducerMode.Exclusive });
        Assert.Equal(0ul, await AppendAsync(producer, "a").Within("the first record"));
        Assert.Equal(1ul, await AppendAsync(producer, "b").Within("the second record"));
        Assert.Equal(["a", "b"], await backend.Log.ReadAllTextAsync());
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task Refused_records_fail_for_their_callers_and_the_producer_continues(ProducerMode mode)
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(FailingOnce(backend.Log, isStored: false, new LogFullException()));
        await using var log = server.Connect();
        await using var producer = new BatchingProducer(log, new BatchingProducerOptions { Mode = mode });
        await Assert.ThrowsAsync<LogFullException>(() => AppendAsync(producer, "a").Within("the refusal"));
        Assert.Equal(0ul, await AppendAsync(producer, "b").Within("the next record"));
    }

    [Fact]
    public async Task An_exclusive_producer_resends_the_batches_behind_a_refused_batch_at_new_offsets()
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(FailingOnce(backend.Log, isStored: false, new LogFullException()));
        await using var log = server.Connect();
        await using var producer = new BatchingProducer(
            log, new BatchingProducerOptions { Mode = ProducerMode.Exclusive, BatchLimitBytes = 10 });
        var appends = Enumerable.Range(0, 100).Select(i => AppendAsync(producer, $"{i:0000}")).ToList(); // one batch per record
        await producer.FlushAsync().Within("the flush");
        await Assert.ThrowsAsync<LogFullException>(() => appends[0]);
        Assert.Equal(Enumerable.Range(0, 99).Select(i => (ulong)i), await Task.WhenAll(appends[1..]));
        Assert.Equal(Enumerable.Range(1, 99).Select(i => $"{i:0000}"), await backend.Log.ReadAllTextAsync());
    }

    /// <summary>A log whose first append fails, whether or not the batch is stored.</summary>
    private static ILog FailingOnce(ILog inner, bool isStored, LogException fault)
    {
        var isFirst = true;
        var mock = new Mock<ILog>();
        mock.Setup(log => log.AppendsInCallOrder).Returns(inner.AppendsInCallOrder);
        mock.Setup(log => log.GetRangeAsync(It.IsAny<CancellationToken>())).Returns<CancellationToken>(inner.GetRangeAsync);
        mock.Setup(log => log.ReadBatchAsync(It.IsAny<ulong>(), It.IsAny<CancellationToken>()))
            .Returns<ulong, CancellationToken>(inner.ReadBatchAsync);
        mock.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Returns<RecordBatch, ulong?, CancellationToken>(async (batch, expectedOffset, token) =>
            {
                var fails = isFirst;
                isFirst = false;
                var offset = !fails || isStored ? await inner.AppendBatchAsync(batch, expectedOffset, token) : 0;
                return fails ? throw fault : offset;
            });
        return mock.Object;
    }

    private sealed class DisposedBuffer : MemoryManager<byte>
    {
        public override Memory<byte> Memory => CreateMemory(8);

        public override Span<byte> GetSpan() => throw new ObjectDisposedException(nameof(DisposedBuffer));

        public override MemoryHandle Pin(int elementIndex = 0) => throw new ObjectDisposedException(nameof(DisposedBuffer));

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    private static async Task<ulong> NeverAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        return 0;
    }

    private static Task<ulong> AppendAsync(BatchingProducer producer, string text) =>
        producer.AppendAsync(Encoding.UTF8.GetBytes(text)).AsTask();
}
