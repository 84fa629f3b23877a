// The rules WAIT-xx: when a wait for an append ends.

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("WAIT-01")]
    public async Task WAIT_01_waiting_for_what_is_there_ends_at_once()
    {
        var (log, check) = await StartAsync();
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        foreach (var offset in (ulong[])[0, 1])
            await check.Within(log.WaitForAppendAsync(offset).AsTask(), $"waiting for offset {offset} of [0, 2)");
    }

    [Rule("WAIT-02")]
    public async Task WAIT_02_waiting_for_the_next_offset_ends_with_the_append_and_not_before()
    {
        var (log, check) = await StartAsync();
        await log.AppendBatchAsync(Batches.Of("a"));
        var wait = log.WaitForAppendAsync(1).AsTask();
        await check.Pending(wait, "waiting for the next offset: expected it to be pending, but it ended before any append");
        await log.AppendBatchAsync(Batches.Of("b"));
        await check.Within(wait, "the wait for the offset just appended");
    }

    [Rule("WAIT-03")]
    public async Task WAIT_03_when_a_wait_has_ended_the_offset_can_be_read()
    {
        var (log, check) = await StartAsync();
        for (var offset = 0ul; offset < 100; offset++)
        {
            var expected = Batches.Of($"{offset}");
            var wait = log.WaitForAppendAsync(offset).AsTask();
            var append = log.AppendBatchAsync(expected).AsTask();
            await check.Within(wait, $"the wait for offset {offset}");
            check.Same(expected, await log.ReadBatchAsync(offset), $"the batch at {offset}, read as soon as the wait ended");
            await append;
        }
    }

    [Rule("WAIT-04")]
    public async Task WAIT_04_an_append_that_races_the_wait_never_loses_it()
    {
        var (log, check) = await StartAsync();
        for (var offset = 0ul; offset < (ulong)Harness.RaceRounds; offset++)
        {
            var awaited = offset;
            var wait = Task.Run(() => log.WaitForAppendAsync(awaited).AsTask());
            await log.AppendBatchAsync(Batches.Of("x"));
            await check.Within(wait, $"the wait for offset {offset}, which raced its append");
        }
    }

    [Rule("WAIT-05")]
    public async Task WAIT_05_an_append_wakes_all_that_it_satisfies_and_only_those()
    {
        var (log, check) = await StartAsync();
        var waits = Enumerable.Range(0, 10).Select(i => (Offset: (ulong)(i / 2), Task: log.WaitForAppendAsync((ulong)(i / 2)).AsTask())).ToList();
        await log.AppendBatchAsync(Batches.Of("0", "1", "2"));
        foreach (var (offset, wait) in waits.Where(wait => wait.Offset < 3))
            await check.Within(wait, $"a wait for offset {offset}, which was appended");
        await check.Pending(
            Task.WhenAny(waits.Where(wait => wait.Offset >= 3).Select(wait => wait.Task)),
            "waits for offsets 3 and 4: expected them to be pending after an append of the offsets 0 to 2, but one has ended");
        await log.AppendBatchAsync(Batches.Of("3", "4"));
        foreach (var (offset, wait) in waits)
            await check.Within(wait, $"a wait for offset {offset}, which was appended");
    }

    [Rule("WAIT-06", Needs = LogCapabilities.SecondClient)]
    public async Task WAIT_06_an_append_by_another_client_ends_a_wait()
    {
        var (log, check) = await StartAsync();
        var other = await OpenSecondClientAsync();
        for (var offset = 0ul; offset < 20; offset++)
        {
            var wait = log.WaitForAppendAsync(offset).AsTask();
            await other.AppendBatchAsync(Batches.Of("x"));
            await check.Within(wait, $"the wait for offset {offset}, which another client appended");
        }
    }

    [Rule("WAIT-07")]
    public async Task WAIT_07_cancelling_one_wait_leaves_the_others()
    {
        var (log, check) = await StartAsync();
        using var cancelled = new CancellationTokenSource();
        var one = log.WaitForAppendAsync(0, cancelled.Token).AsTask();
        var other = log.WaitForAppendAsync(0).AsTask();
        await cancelled.CancelAsync();
        var exception = await check.ThrowsAsync<OperationCanceledException>(() => one, "a cancelled wait");
        check.Equal(cancelled.Token, exception.CancellationToken, "the token that the exception carries");
        await check.Pending(other, "the other wait: expected it to be pending, but it ended with the cancelled one");
        await log.AppendBatchAsync(Batches.Of("a"));
        await check.Within(other, "the other wait, after the append");
    }

    [Rule("WAIT-07")]
    public async Task WAIT_07_many_cancelled_waits_leave_nothing_behind()
    {
        var (log, check) = await StartAsync();
        var leastLeft = double.MaxValue;
        for (var attempt = 0; attempt < 10 && leastLeft > 100; attempt++)
        {
            // Other tests of the process make memory come and go: what a log leaks, it leaks at every attempt.
            var before = GC.GetTotalMemory(forceFullCollection: true);
            await CancelWaitsAsync(Harness.RaceRounds);
            var left = GC.GetTotalMemory(forceFullCollection: true) - before;
            leastLeft = Math.Min(leastLeft, (double)left / Harness.RaceRounds);
        }

        check.True(leastLeft <= 100, $"{Harness.RaceRounds} cancelled waits: expected them to leave nothing, but {leastLeft:0} bytes a wait are left");

        async Task CancelWaitsAsync(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var cancellation = new CancellationTokenSource();
                var wait = log.WaitForAppendAsync(1000, cancellation.Token).AsTask();
                await cancellation.CancelAsync();
                await check.ThrowsAsync<OperationCanceledException>(() => wait, "a cancelled wait");
            }
        }
    }

    [Rule("WAIT-08")]
    public async Task WAIT_08_a_wait_far_beyond_the_end_stays_pending_until_it_is_reached()
    {
        var (log, check) = await StartAsync();
        var wait = log.WaitForAppendAsync(50).AsTask();
        for (var i = 0; i < 5; i++)
        {
            await log.AppendBatchAsync(Batches.Numbered(10));
            await check.Pending(wait, $"a wait for offset 50: expected it to be pending, but it ended with {(i + 1) * 10} records in the log");
        }

        await log.AppendBatchAsync(Batches.Of("the fifty-first"));
        await check.Within(wait, "the wait for offset 50, which was appended");
    }
}
