// The rules WAIT-xx: when a wait for an append completes.

using LogKit.Conformance.Running;

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("WAIT-01")]
    public Task WAIT_01_waiting_for_what_is_there_ends_at_once() => RuleAsync(async (log, check) =>
    {
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        foreach (var offset in (ulong[])[0, 1])
            await check.EndsAsync(log.WaitForAppendAsync(offset).AsTask(), $"waiting for offset {offset} of [0, 2)");
    });

    [Rule("WAIT-02")]
    public Task WAIT_02_waiting_for_the_next_offset_ends_with_the_append_and_not_before() => RuleAsync(async (log, check) =>
    {
        await log.AppendBatchAsync(Batches.Of("a"));
        var wait = log.WaitForAppendAsync(1).AsTask();
        await check.PendingAsync(wait, "waiting for the next offset: expected it to be pending, but it ended before any append");
        await log.AppendBatchAsync(Batches.Of("b"));
        await check.EndsAsync(wait, "the wait for the offset just appended");
    });

    [Rule("WAIT-03")]
    public Task WAIT_03_when_a_wait_has_ended_the_offset_can_be_read() => RuleAsync(async (log, check) =>
    {
        for (var offset = 0ul; offset < 100; offset++)
        {
            var expected = Batches.Of($"{offset}");
            var wait = log.WaitForAppendAsync(offset).AsTask();
            var append = log.AppendBatchAsync(expected).AsTask();
            await check.EndsAsync(wait, $"the wait for offset {offset}");
            check.Same(expected, await log.ReadBatchAsync(offset), $"the batch at {offset}, read as soon as the wait ended");
            await append;
        }
    });

    [Rule("WAIT-04")]
    public Task WAIT_04_an_append_that_races_the_wait_never_loses_it() => RuleAsync(async (log, check) =>
    {
        for (var offset = 0ul; offset < (ulong)Harness.RaceRounds; offset++)
        {
            var awaited = offset;
            var hasBegun = 0;
            var wait = Task.Run(() =>
            {
                Volatile.Write(ref hasBegun, 1);
                return log.WaitForAppendAsync(awaited).AsTask();
            });

            // Alternates which of the two starts first, so that they meet in every possible way.
            while (offset % 2 == 0 && Volatile.Read(ref hasBegun) == 0)
                await Task.Yield();
            Thread.SpinWait((int)(offset % 64) * 20);
            await log.AppendBatchAsync(Batches.Of("x"));
            await check.EndsAsync(wait, $"the wait for offset {offset}, which raced its append");
        }
    });

    [Rule("WAIT-05")]
    public Task WAIT_05_an_append_wakes_all_that_it_satisfies_and_only_those() => RuleAsync(async (log, check) =>
    {
        var waits = Enumerable
            .Range(0, 10)
            .Select(i => (Offset: (ulong)(i / 2), Task: log.WaitForAppendAsync((ulong)(i / 2)).AsTask()))
            .ToList();
        await log.AppendBatchAsync(Batches.Of("0", "1", "2"));
        foreach (var (offset, wait) in waits.Where(wait => wait.Offset < 3))
            await check.EndsAsync(wait, $"a wait for offset {offset}, which was appended");
        await check.PendingAsync(
            Task.WhenAny(waits.Where(wait => wait.Offset >= 3).Select(wait => wait.Task)),
            "waits for offsets 3 and 4: expected them to be pending after an append of the offsets 0 to 2, but one has ended");
        await log.AppendBatchAsync(Batches.Of("3", "4"));
        foreach (var (offset, wait) in waits)
            await check.EndsAsync(wait, $"a wait for offset {offset}, which was appended");
    });

    [Rule("WAIT-06", Needs = LogCapabilities.SecondClient)]
    public Task WAIT_06_an_append_by_another_client_ends_a_wait() => RuleAsync(async run =>
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var other = await run.OpenSecondClientAsync();
        for (var offset = 0ul; offset < 20; offset++)
        {
            var wait = log.WaitForAppendAsync(offset).AsTask();
            await other.AppendBatchAsync(Batches.Of("x"));
            await check.EndsAsync(wait, $"the wait for offset {offset}, which another client appended");
        }
    });

    [Rule("WAIT-07")]
    public Task WAIT_07_cancelling_one_wait_leaves_the_others() => RuleAsync(async (log, check) =>
    {
        using var canceled = new CancellationTokenSource();
        var one = log.WaitForAppendAsync(0, canceled.Token).AsTask();
        var other = log.WaitForAppendAsync(0).AsTask();
        await canceled.CancelAsync();
        var exception = await check.ThrowsAsync<OperationCanceledException>(() => one, "a canceled wait");
        check.Equal(canceled.Token, exception.CancellationToken, "the token that the exception carries");
        await check.PendingAsync(other, "the other wait: expected it to be pending, but it ended with the canceled one");
        await log.AppendBatchAsync(Batches.Of("a"));
        await check.EndsAsync(other, "the other wait, after the append");
    });

    [Rule("WAIT-07")]
    public Task WAIT_07_many_canceled_waits_leave_nothing_behind() => RuleAsync(async (log, check) =>
    {
        // Neither depends on what else the process does: retained tokens are counted by weak references, and memory
        // counts as a leak only if it grows in step with the number of waits, which varies.
        var waits = Math.Clamp(Harness.RaceRounds, 100, 10_000);
        var tokens = new WeakReference[waits];
        await CancelWaitsAsync(log, check, tokens);
        for (var i = 0; i < 50 && CountAlive(tokens) > waits / 10; i++)
        {
            await log.GetRangeAsync(); // a remote log may still be working on it
            GC.Collect();
        }

        check.True(
            CountAlive(tokens) <= waits / 10,
            $"expected {waits} canceled waits to leave nothing, but the tokens of {CountAlive(tokens)} of them are still held");

        if (await Growth.OfAsync(count => CancelWaitsAsync(log, check, new WeakReference[count]), waits / 10) is { } leaked)
            throw check.Fail($"expected canceled waits to leave nothing, but each of them leaves {leaked:0} bytes");
    });

    private static async Task CancelWaitsAsync(ILog log, Check check, WeakReference[] tokens)
    {
        for (var i = 0; i < tokens.Length; i++)
            tokens[i] = await CancelWaitAsync(log, check);
    }

    // A separate method, so that nothing of it stays on the stack.
    private static async Task<WeakReference> CancelWaitAsync(ILog log, Check check)
    {
        using var cancellation = new CancellationTokenSource();
        var wait = log.WaitForAppendAsync(1000, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await check.EndsAsync(Task.WhenAny(wait), "a canceled wait");
        check.True(wait.IsCanceled, $"a canceled wait: expected it to end as canceled, but it is {wait.Status}");
        return new WeakReference(cancellation);
    }

    private static int CountAlive(WeakReference[] references) => references.Count(reference => reference.IsAlive);

    [Rule("WAIT-08")]
    public Task WAIT_08_a_wait_far_beyond_the_end_stays_pending_until_it_is_reached() => RuleAsync(async (log, check) =>
    {
        var wait = log.WaitForAppendAsync(50).AsTask();
        for (var i = 0; i < 5; i++)
        {
            await log.AppendBatchAsync(Batches.Numbered(10));
            check.True(
                !wait.IsCompleted,
                $"a wait for offset 50: expected it to be pending, but it ended with {(i + 1) * 10} records in the log");
        }

        await check.PendingAsync(
            wait, "a wait for offset 50: expected it to be pending, but it ended with 50 records in the log, up to offset 49");

        await log.AppendBatchAsync(Batches.Of("the fifty-first"));
        await check.EndsAsync(wait, "the wait for offset 50, which was appended");
    });
}
