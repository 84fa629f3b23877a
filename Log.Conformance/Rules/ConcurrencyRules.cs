using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules CONC-xx: one order for all clients.</summary>
internal static class ConcurrencyRules
{
    [Rule(
        "CONC-01",
        "The history of a random concurrent run is linearizable.",
        Why = "There is one order for all clients, which respects real time, so each can reason about the log as if it were alone.",
        Without = "Two clients see different histories; what one has seen, another does not see later.")]
    public static async Task CONC_01_the_history_of_a_random_concurrent_run_is_linearizable(RuleRun run)
    {
        foreach (var seed in run.Harness.SeedsOf(Math.Clamp(run.Harness.RaceRounds / 500, 2, 20)))
            await ConcurrentRun.RunAsync(run, seed, crashes: 0);
    }

    [Rule(
        "CONC-05",
        "The history of a random concurrent run with crashes is linearizable.",
        Why = "A crash is an event in the same order: what was acknowledged before it is there after it.",
        Without = "What one client has seen before a crash, another does not see after it.",
        Needs = LogCapabilities.Reopen | LogCapabilities.Crash)]
    public static async Task CONC_05_the_history_of_a_random_concurrent_run_with_crashes_is_linearizable(RuleRun run)
    {
        foreach (var seed in run.Harness.SeedsOf(Math.Clamp(run.Harness.RaceRounds / 500, 2, 20)))
            await ConcurrentRun.RunAsync(run, seed, crashes: 3);
    }

    [Rule(
        "CONC-02",
        "An append that begins after another has returned gets a higher offset.",
        Why = "Causes precede effects.",
        Without = "An answer is stored before its question.")]
    public static async Task CONC_02_an_append_that_begins_after_another_returned_gets_a_higher_offset(RuleRun run)
    {
        run.History.KeepsAll = true;
        var log = await run.OpenAsync();
        await ConcurrentAppends.RunAsync(run, log);
        for (var i = 0; i < 20; i++)
            await log.AppendBatchAsync(Batches.Of($"after {i}")); // beside others, few begin when no other is in flight
        var appends = run.History.Operations.Where(operation => operation is { Kind: OperationKind.Append, Succeeded: true }).ToList();
        var returned = appends.OrderBy(append => append.Returned).ToList();
        var next = 0;
        Operation? highest = null;
        foreach (var append in appends.OrderBy(append => append.Invoked))
        {
            for (; next < returned.Count && returned[next].Returned < append.Invoked; next++)
                highest = highest is null || (ulong)highest.Result! < (ulong)returned[next].Result! ? returned[next] : highest;
            run.Check.True(
                highest is null || (ulong)highest.Result! < (ulong)append.Result!,
                $"expected an append that begins after another returned to get a higher offset, but after\n    {highest}\n  came\n    "
                    + $"{append}");
        }
    }

    [Rule(
        "CONC-03",
        "An observed Next never decreases.",
        Why = "Readers use it to keep their place.",
        Without = "Records disappear for a while; lag becomes negative.")]
    public static async Task CONC_03_an_observed_next_offset_never_decreases(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var appends = Task.Run(() => ConcurrentAppends.RunAsync(run, log));
        var observers = Enumerable
            .Range(0, 2)
            .Select(_ =>
                Task.Run(async () =>
                {
                    var highest = 0ul;
                    for (var i = 0; i < 50 || !appends.IsCompleted; i++)
                    {
                        await Task.Yield();
                        var range = await log.GetRangeAsync();
                        check.True(
                            range.NextOffset >= highest,
                            $"the next offset: expected at least {highest}, which was seen before, got {range.NextOffset}");
                        highest = range.NextOffset;
                    }
                }))
            .ToList();
        await check.EndsAsync(Task.WhenAll([appends, .. observers]), "concurrent appends, and two that observe them");
    }

    [Rule(
        "CONC-04",
        "Of parallel appends, none is lost and none is duplicated.",
        Why = "This is the most basic guarantee.",
        Without = "Data is silently lost under load.")]
    public static async Task CONC_04_of_parallel_appends_none_is_lost_and_none_is_duplicated(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var appends = await ConcurrentAppends.RunAsync(run, log);
        var expected = appends
            .SelectMany(append => append.Batch)
            .Select(record => record.ToString())
            .Order(StringComparer.Ordinal)
            .ToList();
        var found = (await LogContent.OfAsync(log)).SelectMany(entry => entry.Batch).Select(record => record.ToString()).ToList();
        check.Equal(
            expected.Count,
            found.Distinct().Count(),
            $"how many different records are in the log after {appends.Length} parallel appends");
        check.Equal(expected.Count, found.Count, $"how many records are in the log after {appends.Length} parallel appends");
        check.True(
            expected.SequenceEqual(found.Order(StringComparer.Ordinal)),
            "expected the log to hold the records that were appended, but it holds others");
    }

    [Rule(
        "CONC-06",
        "A continuation of a call may block on other calls.",
        Why = "A log that completes calls while it holds its lock runs the code of its callers under this lock.",
        Without = "A caller that blocks in a continuation, as a `TaskCompletionSource` makes it do unseen, stops the log for all.")]
    public static async Task CONC_06_a_continuation_of_a_call_may_block_on_other_calls(RuleRun run)
    {
        run.AlsoBrokenBy = RuleViolation.NoAnswer; // the call that the continuation makes
        var (log, check) = (await run.OpenAsync(), run.Check);
        for (var round = 0; round < 3; round++)
        {
            var next = (await log.GetRangeAsync()).NextOffset;
            using var cancellation = new CancellationTokenSource();
            var blocking = Blocking(log.WaitForAppendAsync(next).AsTask());
            var canceled = Blocking(log.WaitForAppendAsync(next + 100, cancellation.Token).AsTask());
            await check.EndsAsync(
                Task.Run(() => Blocking(log.AppendBatchAsync(Batches.Of("x")).AsTask())),
                "an append, and another call on which its continuation blocks");
            await check.EndsAsync(blocking, "a wait that the append satisfied, and another call on which its continuation blocks");
            await check.EndsAsync(
                Task.WhenAll(Task.Run(cancellation.Cancel), canceled),
                "a canceled wait, and another call on which its continuation blocks");
        }

        var disposed = Blocking(log.WaitForAppendAsync(1000).AsTask());
        await check.EndsAsync(
            Task.WhenAll(Task.Run(() => log.DisposeAsync().AsTask()), disposed),
            "the disposal of a log, and a call on which the continuation of a wait that it ended blocks");

        // Blocks the thread that completes the call until another thread has used the log, or it is certain that it cannot.
        Task Blocking(Task call) => call.ContinueWith(
            _ => Task.Run(async () =>
            {
                try
                {
                    await log.AppendBatchAsync(Batches.Of("from a continuation"));
                    await log.GetRangeAsync();
                }
                catch (ObjectDisposedException)
                {
                    // It ended, which is what matters.
                }
            }).Wait(run.Timeout * 1.5),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    [Rule(
        "CONC-07",
        "No call needs the synchronization context or the task scheduler of its caller.",
        Why = "Applications call logs from threads that they block.",
        Without = "The first call from a user interface, or from code that blocks on it, never ends.")]
    public static async Task CONC_07_no_call_needs_the_synchronization_context_of_its_caller(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        using var canceled = new CancellationTokenSource();
        foreach (var (member, call) in Steps.MembersOf(log, canceled.Token))
        {
            var (context, scheduler) = (new DeafContext(), new DeafScheduler());
            var ended = Task.Factory.StartNew(
                () =>
                {
                    SynchronizationContext.SetSynchronizationContext(context);
                    try
                    {
                        return call();
                    }
                    finally
                    {
                        SynchronizationContext.SetSynchronizationContext(null);
                    }
                },
                CancellationToken.None,
                TaskCreationOptions.None,
                scheduler).Unwrap();
            scheduler.RunFirst();
            if (member.EndsWith("not there", StringComparison.Ordinal))
                await canceled.CancelAsync();
            await Task.WhenAny(ended, context.Used, scheduler.Used);
            check.True(!context.Used.IsCompleted, $"{member}: expected it not to use the synchronization context of its caller");
            check.True(!scheduler.Used.IsCompleted, $"{member}: expected it not to use the task scheduler of its caller");
            try
            {
                await ended;
            }
            catch (Exception exception) when (exception is OffsetMismatchException or OperationCanceledException)
            {
                // The second append expects too little, and the last wait was canceled.
            }
        }
    }

    [Rule(
        "CONC-08",
        "After an append, its caller finds the batch and sees a range that includes it, whatever others do.",
        Why = "A caller goes on from what it has written.",
        Without = "Once in some hundreds of times, a caller does not find its own record.")]
    public static async Task CONC_08_after_an_append_its_caller_finds_the_batch_and_a_range_that_includes_it(RuleRun run)
    {
        const int workers = 8;
        var (log, check) = (await run.OpenAsync(), run.Check);
        var working = Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < Math.Clamp(run.Harness.RaceRounds / 20, 250, 500); i++)
            {
                var batch = Batches.Of($"{worker}/{i}");
                var offset = await log.AppendBatchAsync(batch);
                var range = await log.GetRangeAsync();
                check.True(
                    range.NextOffset > offset, $"the range after an append at {offset}: expected it to include the offset, got {range}");
                check.Same(batch, await log.ReadBatchAsync(offset), $"the batch just appended at {offset}");
            }
        }));
        await check.EndsAsync(Task.WhenAll(working), $"{workers} workers that append and read");
    }

    /// <summary>A context whose thread is blocked: what is posted to it does not run.</summary>
    private sealed class DeafContext : SynchronizationContext
    {
        private readonly TaskCompletionSource _used = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Used => _used.Task;

        public override void Post(SendOrPostCallback d, object? state) => _used.TrySetResult();

        public override void Send(SendOrPostCallback d, object? state) => _used.TrySetResult();

        public override SynchronizationContext CreateCopy() => this;
    }

    /// <summary>A scheduler whose thread is blocked: after the first task, none runs.</summary>
    private sealed class DeafScheduler : TaskScheduler
    {
        private readonly TaskCompletionSource _used = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private Task? _first;

        public Task Used => _used.Task;

        public void RunFirst() => TryExecuteTask(_first!);

        protected override void QueueTask(Task task)
        {
            if (Interlocked.CompareExchange(ref _first, task, null) is not null)
                _used.TrySetResult();
        }

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

        protected override IEnumerable<Task> GetScheduledTasks() => [];
    }
}
