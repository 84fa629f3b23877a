using System.Collections.Concurrent;
using LogKit.Disk;
using LogKit.Disk.Commit;
using LogKit.InMemory;
using LogKit.Tests.Disk.Simulation;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// Appends form groups, and each append gets one answer, whatever its caller does: block, cancel, append again, or close the log.
/// </summary>
public sealed class GroupCommitTests
{
    private static readonly DiskLogOptions SmallSegments = new() { SegmentLimitBytes = 64 * 1024, ReserveBytes = 8 * 1024 };

#pragma warning disable xUnit1031 // these tests need continuations that block
    [Fact]
    public async Task Continuations_of_a_group_that_wait_for_each_other_all_run()
    {
        const int Count = 5;
        using var threads = new PoolThreads(2 * Count);
        var device = new Device();
        var commit = device.Appends;
        var first = Task.Run(() => AppendAsync(commit, "first"));
        await device.Busy.Within("the first group");
        var left = Count;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var others = Enumerable.Range(0, Count).Select(i => AppendAndBlockAsync($"{i}")).ToList();
        device.GoOn();
        await first.Within("the first append");
        await Task.WhenAll(others).Within("five continuations that wait for one another");
        Assert.Equal([1, Count], device.Groups);

        async Task AppendAndBlockAsync(string text)
        {
            await commit.AppendAsync(RecordBatch.OfText(text), null, CancellationToken.None).ConfigureAwait(false);
            if (Interlocked.Decrement(ref left) == 0)
                all.SetResult();
            all.Task.Wait();
        }
    }

    [Fact]
    public async Task Later_appends_are_committed_while_continuations_of_a_group_block()
    {
        using var threads = new PoolThreads(10);
        var device = new Device();
        var commit = device.Appends;
        var first = Task.Run(() => AppendAsync(commit, "first"));
        await device.Busy.Within("the first group");
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var blocked = Enumerable.Range(0, 3).Select(async i =>
        {
            await commit.AppendAsync(RecordBatch.OfText($"{i}"), null, CancellationToken.None).ConfigureAwait(false);
            if (i == 1)
                await commit.AppendAsync(RecordBatch.OfText("again"), null, CancellationToken.None).ConfigureAwait(false);
            end.Task.Wait();
        }).ToList();
        try
        {
            device.GoOn();
            await first.Within("the first append");
            for (var i = 0; i < 20; i++)
                await AppendAsync(commit, "later").Within("an append beside blocked continuations");
        }
        finally
        {
            end.SetResult();
        }

        await Task.WhenAll(blocked).Within("the blocked continuations");
        await commit.DrainAsync().Within("the drain");
        Assert.Equal(25, device.Groups.Sum());
    }
#pragma warning restore xUnit1031

    [Fact]
    public async Task Callers_that_append_again_at_once_share_groups()
    {
        const int Callers = 32, Appends = 100;
        var flushes = 0;
        var busy = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var goOn = new ManualResetEventSlim();
        var disk = new SimulatedDisk();
        await using var log = DiskLog.Open(new SimulatedStorage(disk), SmallSegments with { SegmentLimitBytes = 16 * 1024 * 1024 });
        disk.Fault = (_, kind) =>
        {
            if (kind == OperationKind.Flush)
            {
                if (++flushes == 1)
                {
                    busy.SetResult();
                    goOn.Wait();
                }

                Thread.SpinWait(5_000); // the time that a device takes
            }

            return null;
        };
        var first = Task.Run(() => log.AppendBatchAsync(RecordBatch.OfText("first")).AsTask());
        await busy.Task.Within("the first flush");
        var callers = Enumerable.Range(0, Callers).Select(AppendAllAsync).ToList();
        goOn.Set();
        await Task.WhenAll(callers.Append(first)).Within("3201 appends");
        Assert.InRange(flushes, Appends + 1, Callers * Appends / 4);

        async Task AppendAllAsync(int caller)
        {
            for (var i = 0; i < Appends; i++)
                await log.AppendBatchAsync(RecordBatch.OfText($"{caller}/{i}")).ConfigureAwait(false);
        }
    }

    [Fact]
    public async Task The_appends_of_a_caller_that_pipelines_share_groups()
    {
        const int Count = 100;
        var device = new Device();
        device.GoOn();
        var first = device.Appends.AppendAsync(RecordBatch.OfText("its answer is not asked for yet"), null, CancellationToken.None);
        device.Hold();
        var others = await Task.Run(() => Enumerable.Range(0, Count).Select(i => AppendAsync(device.Appends, $"{i}")).ToList())
            .Within("appends that do not wait for the device");
        device.GoOn();
        await first;
        await Task.WhenAll(others).Within("the answers");
        Assert.Equal(Count + 1, device.Groups.Sum());
        Assert.InRange(device.Groups.Count, 2, 3); // the first append, those that the pool thread found, and the rest
    }

    [Fact]
    public async Task A_caller_that_stops_pipelining_leads_again()
    {
        var device = new Device();
        device.GoOn();
        var ahead = Enumerable
            .Range(0, 3)
            .Select(i => device.Appends.AppendAsync(RecordBatch.OfText($"{i}"), null, CancellationToken.None))
            .ToList();
        foreach (var append in ahead)
            await append;
        for (var i = 0; i < 200; i++)
            await device.Appends.AppendAsync(RecordBatch.OfText("one at a time"), null, CancellationToken.None);
        for (var i = 0; i < 50; i++)
        {
            var append = device.Appends.AppendAsync(RecordBatch.OfText("committed on this thread"), null, CancellationToken.None);
            Assert.True(append.IsCompleted, $"append {i} is left to another thread");
            await append;
        }
    }

    [Fact]
    public async Task A_cancellation_while_queued_is_answered_but_not_on_the_stack_of_whoever_cancels()
    {
        var device = new Device();
        var first = Task.Run(() => AppendAsync(device.Appends, "first"));
        await device.Busy.Within("the first group");
        using var cancellation = new CancellationTokenSource();
        var append = device.Appends.AppendAsync(RecordBatch.OfText("canceled"), null, cancellation.Token).AsTask();
        var answered = append.ContinueWith(
            _ => Thread.CurrentThread, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        var canceller = new Thread(cancellation.Cancel);
        canceller.Start();
        Assert.NotEqual(canceller, await answered.Within("the answer, though the device is busy"));
        Assert.Equal(cancellation.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => append)).CancellationToken);
        canceller.Join();

        device.GoOn();
        await first.Within("the first append");
        await AppendAsync(device.Appends, "next").Within("the next append");
        Assert.Equal(["first", "next"], device.Texts);
    }

    [Fact]
    public async Task A_late_cancellation_changes_nothing()
    {
        var device = new Device();
        using var cancellation = new CancellationTokenSource();
        var append = Task.Run(() => device.Appends.AppendAsync(RecordBatch.OfText("taken"), null, cancellation.Token).AsTask());
        await device.Busy.Within("the group");
        await cancellation.CancelAsync();
        Assert.False(append.IsCompleted);
        device.GoOn();
        Assert.Equal(0ul, await append.Within("the append"));
    }

    [Fact]
    public async Task The_drain_commits_queued_appends_and_refuses_later_ones()
    {
        var device = new Device();
        var first = Task.Run(() => AppendAsync(device.Appends, "first"));
        await device.Busy.Within("the first group");
        var queued = Enumerable.Range(0, 10).Select(i => AppendAsync(device.Appends, $"{i}")).ToList();
        var drain = device.Appends.DrainAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => AppendAsync(device.Appends, "late").Within("the refusal"));
        Assert.False(drain.IsCompleted);
        device.GoOn();
        await drain.Within("the drain");
        await Task.WhenAll(queued.Append(first)).Within("the queued appends");
        Assert.Equal(11, device.Texts.Count);
        await device.Appends.DrainAsync().Within("another drain");
    }

    [Fact]
    public async Task A_canceled_append_after_the_drain_is_answered_once()
    {
        var device = new Device();
        await device.Appends.DrainAsync().Within("the drain");
        for (var i = 0; i < 100; i++)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
                device
                    .Appends.AppendAsync(RecordBatch.OfText("late"), null, new CancellationToken(canceled: true))
                    .AsTask()
                    .Within("the answer"));
        }
    }

    [Fact]
    public async Task A_group_that_is_committed_in_parts_is_answered_as_a_whole()
    {
        var device = new Device { PartLimit = 3 };
        var first = Task.Run(() => AppendAsync(device.Appends, "first"));
        await device.Busy.Within("the first group");
        var queued = Enumerable.Range(0, 10).Select(i => AppendAsync(device.Appends, $"{i}")).ToList();
        device.GoOn();
        await first.Within("the first append");
        Assert.Equal(Enumerable.Range(1, 10).Select(i => (ulong)i), await Task.WhenAll(queued).Within("the queued appends"));
        Assert.Equal([1, 3, 3, 3, 1], device.Groups);
    }

    [Theory]
    [InlineData(FlushMode.Always)]
    [InlineData(FlushMode.Never)]
    public async Task Every_caller_gets_an_answer_and_the_log_holds_what_was_acknowledged(FlushMode mode)
    {
        var seed = TestSeed.Next();
        for (var round = 0; round < 4 * TestSeed.Effort; round++)
        {
            var disk = new SimulatedDisk();
            var log = DiskLog.Open(new SimulatedStorage(disk), SmallSegments with { FlushMode = mode, Background = work => work() });
            var acknowledged = new ConcurrentDictionary<ulong, string>();
            var unsettled = new ConcurrentBag<string>();
            var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var tasks = Enumerable.Range(0, 64).Select(task => Task.Run(() => StressAsync(
                log, new Random(TestSeed.Mix(seed, round, task)), $"{task}", acknowledged, unsettled, enough))).ToList();
            await enough.Task.Within("1000 acknowledged appends");
            await log.DisposeAsync().AsTask().Within("the log to close");
            await Task.WhenAll(tasks).Within("64 callers to get their answers");

            await using var reopened = DiskLog.Open(new SimulatedStorage(disk.AfterKill()), SmallSegments);
            var all = await reopened.ReadAllTextAsync();
            foreach (var (offset, text) in acknowledged)
                Assert.True(
                    all[(int)offset] == text,
                    $"seed {seed}, round {round}: {text} was acknowledged at {offset}, where {all[(int)offset]} is");
            var others = all.Except(acknowledged.Values).ToList();
            Assert.True(all.Count == acknowledged.Count + others.Count, $"seed {seed}, round {round}: something is there twice");
            Assert.True(
                others.TrueForAll(unsettled.Contains),
                $"seed {seed}, round {round}: something is there that was refused: {string.Join(' ', others)}");
        }
    }

    private static async Task StressAsync(
        DiskLog log,
        Random random,
        string name,
        ConcurrentDictionary<ulong, string> acknowledged,
        ConcurrentBag<string> unsettled,
        TaskCompletionSource enough)
    {
        for (var i = 0; ; i++)
        {
            var text = $"{name}/{i}";
            using var cancellation = new CancellationTokenSource();
            try
            {
                ulong? expectedOffset = random.Next(4) == 0 ? (await log.GetRangeAsync()).NextOffset : null;
                var append = log.AppendBatchAsync(RecordBatch.OfText(text), expectedOffset, cancellation.Token);
                if (random.Next(4) == 0)
                    await cancellation.CancelAsync();
                acknowledged[await append] = text;
                if (acknowledged.Count >= 1000)
                    enough.TrySetResult();
            }
            catch (OperationCanceledException)
            {
                unsettled.Add(text);
            }
            catch (OffsetMismatchException)
            {
                // Another append came first, so this batch is not in the log.
            }
            catch (ObjectDisposedException)
            {
                return;
            }
        }
    }

    private static Task<ulong> AppendAsync(GroupCommit commit, string text) =>
        commit.AppendAsync(RecordBatch.OfText(text), null, CancellationToken.None).AsTask();

    /// <summary>
    /// Raises the minimum number of pool threads for continuations that block, because the pool adds threads only slowly.
    /// </summary>
    private sealed class PoolThreads : IDisposable
    {
        private readonly int _workers;
        private readonly int _completionPorts;

        public PoolThreads(int more)
        {
            ThreadPool.GetMinThreads(out _workers, out _completionPorts);
            ThreadPool.SetMinThreads(_workers + more, _completionPorts);
        }

        public void Dispose() => ThreadPool.SetMinThreads(_workers, _completionPorts);
    }

    /// <summary>Commits the groups. The first commit blocks until <see cref="GoOn"/>.</summary>
    private sealed class Device : IGroupCommitter
    {
        private readonly TaskCompletionSource _busy = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _goOn = new();

        public Device() => Appends = new GroupCommit(this, new InMemoryLog());

        public GroupCommit Appends { get; }

        /// <summary>The most appends that one commit settles.</summary>
        public int PartLimit { get; init; } = int.MaxValue;

        public Task Busy => _busy.Task;

        public ConcurrentQueue<int> Groups { get; } = [];

        public List<string> Texts { get; } = [];

        public void GoOn() => _goOn.Set();

        /// <summary>Makes commits block until <see cref="GoOn"/>.</summary>
        public void Hold() => _goOn.Reset();

        public void Commit(Group group)
        {
            var count = Math.Min(group.Unsettled.Length, PartLimit);
            Groups.Enqueue(count);
            foreach (var append in group.Unsettled[..count])
            {
                append.FirstOffset = (ulong)Texts.Count;
                Texts.Add(append.Batch[0].ToString());
            }

            _busy.TrySetResult();
            _goOn.Wait();
            group.Settle(count);
        }
    }
}
