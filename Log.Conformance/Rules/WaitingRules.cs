using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules WAIT-xx: when a wait for an append completes.</summary>
internal static class WaitingRules
{
    [Rule(
        "WAIT-01",
        "A wait for an offset that exists completes immediately.",
        Why = "No check is needed before waiting.",
        Without = "A reader that is behind hangs until the next append.")]
    public static async Task WAIT_01_a_wait_for_an_offset_that_exists_completes_immediately(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        foreach (var offset in (ulong[])[0, 1])
            await check.EndsAsync(log.WaitForAppendAsync(offset).AsTask(), $"waiting for offset {offset} of [0, 2)");
    }

    [Rule(
        "WAIT-02",
        "A wait for Next stays pending, and completes with the append.",
        Why = "It makes tailing without polling possible.",
        Without = "Tails spin, or never wake.")]
    public static async Task WAIT_02_a_wait_for_the_next_offset_completes_with_the_append_and_not_before(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        var wait = log.WaitForAppendAsync(1).AsTask();
        await check.PendingAsync(wait, "waiting for the next offset: expected it to be pending, but it ended before any append");
        await log.AppendBatchAsync(Batches.Of("b"));
        await check.EndsAsync(wait, "the wait for the offset just appended");
    }

    [Rule(
        "WAIT-03",
        "Once a wait has completed, the offset can be read.",
        Why = "Otherwise, the wait means nothing.",
        Without = "Tails occasionally fail with \"out of range\".")]
    public static async Task WAIT_03_once_a_wait_has_completed_the_offset_can_be_read(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        for (var offset = 0ul; offset < 100; offset++)
        {
            var expected = Batches.Of($"{offset}");
            var wait = log.WaitForAppendAsync(offset).AsTask();
            var append = log.AppendBatchAsync(expected).AsTask();
            await check.EndsAsync(wait, $"the wait for offset {offset}");
            check.Same(expected, await log.ReadBatchAsync(offset), $"the batch at {offset}, read as soon as the wait ended");
            await append;
        }
    }

    [Rule(
        "WAIT-04",
        "An append that races the registration of a wait never loses the wakeup.",
        Why = "Check and registration are one atomic step.",
        Without = "Once in a million times, a tail misses a record until the next one arrives.")]
    public static async Task WAIT_04_an_append_that_races_a_wait_never_loses_the_wakeup(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        for (var offset = 0ul; offset < (ulong)run.Harness.RaceRounds; offset++)
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
    }

    [Rule(
        "WAIT-05",
        "An append completes all waits that it satisfies, and no others.",
        Why = "Every reader counts.",
        Without = "One tail gets each record while others starve, or all wake for nothing.")]
    public static async Task WAIT_05_an_append_completes_all_waits_that_it_satisfies_and_no_others(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
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
    }

    [Rule(
        "WAIT-06",
        "An append by another client completes a wait.",
        Why = "Writers and readers are different processes.",
        Without = "Tails see only the appends of their own process.",
        Needs = LogCapabilities.SecondClient)]
    public static async Task WAIT_06_an_append_by_another_client_completes_a_wait(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var other = await run.OpenSecondClientAsync();
        for (var offset = 0ul; offset < 20; offset++)
        {
            var wait = log.WaitForAppendAsync(offset).AsTask();
            await other.AppendBatchAsync(Batches.Of("x"));
            await check.EndsAsync(wait, $"the wait for offset {offset}, which another client appended");
        }
    }

    [Rule(
        "WAIT-07",
        "Canceling one wait does not affect others.",
        Why = "Tails come and go for months.",
        Without = "The timeout of one client ends the tails of all.")]
    public static async Task WAIT_07_canceling_one_wait_does_not_affect_others(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        using var canceled = new CancellationTokenSource();
        var one = log.WaitForAppendAsync(0, canceled.Token).AsTask();
        var other = log.WaitForAppendAsync(0).AsTask();
        await canceled.CancelAsync();
        var exception = await check.ThrowsAsync<OperationCanceledException>(() => one, "a canceled wait");
        check.Equal(canceled.Token, exception.CancellationToken, "the token that the exception carries");
        await check.PendingAsync(other, "the other wait: expected it to be pending, but it ended with the canceled one");
        await log.AppendBatchAsync(Batches.Of("a"));
        await check.EndsAsync(other, "the other wait, after the append");
    }

    [Rule(
        "WAIT-09",
        "Many canceled waits leave nothing behind.",
        Why = "Tails come and go for months.",
        Without = "Memory grows until the server fails.")]
    public static async Task WAIT_09_many_canceled_waits_leave_nothing_behind(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        // Neither depends on what else the process does: retained tokens are counted by weak references, and memory
        // counts as a leak only if it grows in step with the number of waits, which varies.
        var remains = new Remains(Math.Clamp(run.Harness.RaceRounds, 100, 10_000));
        await CancelWaitsAsync(log, check, remains);
        check.True(
            await remains.AreGoneAsync(log),
            $"expected {remains.Count} canceled waits to leave nothing, but the tokens of {remains.Alive} of them are still held");

        if (await Growth.OfAsync(count => CancelWaitsAsync(log, check, new Remains(count)), remains.Count / 10) is { } leaked)
            throw check.Fail($"expected canceled waits to leave nothing, but each of them leaves {leaked:0} bytes");
    }

    private static async Task CancelWaitsAsync(ILog log, Check check, Remains remains)
    {
        for (var i = 0; i < remains.Count; i++)
            remains.Add(await CancelWaitAsync(log, check));
    }

    // A separate method, so that nothing of it stays on the stack.
    private static async Task<object> CancelWaitAsync(ILog log, Check check)
    {
        using var cancellation = new CancellationTokenSource();
        var wait = log.WaitForAppendAsync(1000, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await check.EndsAsync(Task.WhenAny(wait), "a canceled wait");
        check.True(wait.IsCanceled, $"a canceled wait: expected it to end as canceled, but it is {wait.Status}");
        return cancellation;
    }

    [Rule(
        "WAIT-08",
        "A wait far beyond Next stays pending while appends do not reach it.",
        Why = "A reader may wait for a complete batch.",
        Without = "Readers wake early and fail.")]
    public static async Task WAIT_08_a_wait_far_beyond_the_end_stays_pending_until_it_is_reached(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
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
    }
}
