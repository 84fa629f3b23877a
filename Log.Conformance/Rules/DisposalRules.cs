using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules DISP-xx: what disposal does, and what a disposed log does.</summary>
internal static class DisposalRules
{
    [Rule(
        "DISP-01",
        "Disposing again does nothing, even concurrently.",
        Why = "Shutdown code runs twice.",
        Without = "Shutdown fails, and hides the original error.")]
    public static async Task DISP_01_disposing_again_does_nothing_even_concurrently(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        await log.DisposeAsync();
        await log.DisposeAsync();

        var other = await run.OpenAsync("other");
        await other.AppendBatchAsync(Batches.Of("a"));
        await check.EndsAsync(
            Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => other.DisposeAsync().AsTask()))),
            "8 disposals at the same time");
    }

    [Rule(
        "DISP-02",
        "Every member of a disposed log throws `ObjectDisposedException`.",
        Why = "Use after disposal is a bug that must be visible.",
        Without = "It reads freed memory, or waits forever.")]
    public static async Task DISP_02_every_member_of_a_disposed_log_throws(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        await log.DisposeAsync();
        foreach (var (member, call) in Steps.MembersOf(log, CancellationToken.None))
            await check.ThrowsAsync<ObjectDisposedException>(call, $"{member} of a log that was disposed");
    }

    [Rule(
        "DISP-03",
        "Disposal ends pending waits promptly.",
        Why = "Nothing can complete them afterwards.",
        Without = "Servers hang at shutdown.")]
    public static async Task DISP_03_disposal_ends_pending_waits(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        using var unused = new CancellationTokenSource();
        var waits = new[]
        {
            log.WaitForAppendAsync(1).AsTask(),
            log.WaitForAppendAsync(1, unused.Token).AsTask(),
            log.WaitForAppendAsync(1000).AsTask(),
        };
        await check.PendingAsync(
            Task.WhenAny(waits), "waits for offsets 1 and 1000 of [0, 1): expected them to be pending, but one has ended");
        await log.DisposeAsync();
        foreach (var wait in waits)
            await check.ThrowsAsync<ObjectDisposedException>(() => wait, "a wait that was pending when the log was disposed");
    }

    [Rule(
        "DISP-04",
        "Disposal releases locks, so that the log can be reopened immediately.",
        Why = "Restarts are fast.",
        Without = "A restarted server is blocked by its own lock.",
        Needs = LogCapabilities.Reopen)]
    public static async Task DISP_04_a_disposed_log_can_be_reopened_immediately(RuleRun run)
    {
        for (var round = 0ul; round < 5; round++)
        {
            var log = await OpenAgainAsync(run.OpenAsync(), round);
            run.Check.Equal(round, await log.AppendBatchAsync(Batches.Of("x")), $"the offset of an append after {round} reopenings");
            await run.CloseAsync();
        }

        async Task<ILog> OpenAgainAsync(Task<ILog> opening, ulong round)
        {
            try
            {
                return await opening;
            }
            catch (Exception exception) when (exception is not RuleViolationException)
            {
                throw run.Check.Fail(
                    $"expected opening number {round + 1}, right after the disposal, to succeed, got {exception.GetType().Name}: "
                        + $"{exception.Message}",
                    exception);
            }
        }
    }

    [Rule(
        "DISP-05",
        "Disposal in the middle of appends loses none that is acknowledged and keeps none that failed with `ObjectDisposedException`.",
        Why = "Servers are stopped under load.",
        Without = "A shutdown acknowledges appends that it does not store, or stores what callers append again elsewhere.",
        Needs = LogCapabilities.Reopen)]
    public static async Task DISP_05_disposal_in_the_middle_of_appends_keeps_what_is_acknowledged(RuleRun run)
    {
        const int writers = 6;
        for (var round = 0; round < run.CrashRounds; round++)
        {
            var name = $"round-{round}";
            run.History.Clear();
            var log = await run.OpenAsync(name);
            var (appended, isOver) = (0, false);
            var writing = Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
            {
                var acknowledged = new List<(ulong First, RecordBatch Batch)>();
                for (var i = 0; ; i++)
                {
                    run.Check.True(!Volatile.Read(ref isOver), "expected appends to fail once the log was disposed");
                    var batch = Batches.Of($"{writer}/{i}", "x");
                    try
                    {
                        acknowledged.Add((await log.AppendBatchAsync(batch), batch));
                        Interlocked.Increment(ref appended);
                    }
                    catch (ObjectDisposedException)
                    {
                        return (Acknowledged: acknowledged, Last: batch, IsOpen: false);
                    }
                    catch (AppendOutcomeUnknownException)
                    {
                        return (Acknowledged: acknowledged, Last: batch, IsOpen: true);
                    }
                }
            })).ToList();
            while (Volatile.Read(ref appended) < 1 + (round * 3) && !writing.Exists(writer => writer.IsCompleted))
                await Task.Yield();
            await run.CloseAsync(name);
            var ending = Task.WhenAll(writing);
            await Task.WhenAny(ending, Task.Delay(run.Timeout));
            Volatile.Write(ref isOver, true);
            var outcomes = await run.Check.EndsAsync(ending, "appends in the middle of which the log was disposed");

            log = await run.OpenAsync(name);
            await Steps.RequireAsync(
                run, log, [.. outcomes.SelectMany(outcome => outcome.Acknowledged)], "after disposal in the middle of appends");
            var stored = (await LogContent.OfAsync(log)).Select(entry => entry.Batch[0].ToString()).ToHashSet();
            foreach (var (_, last, isOpen) in outcomes)
            {
                run.Check.True(
                    isOpen || !stored.Contains(last[0].ToString()),
                    $"expected {OperationText.Of(last)} not to be stored, as its append failed with {nameof(ObjectDisposedException)}");
            }

            await run.RemoveAsync(name);
        }
    }

    [Rule(
        "DISP-06",
        "Disposing one client of a log does not affect another.",
        Why = "Each belongs to somebody else.",
        Without = "The shutdown of one reader ends all others.",
        Needs = LogCapabilities.SecondClient)]
    public static async Task DISP_06_disposing_one_client_does_not_affect_another(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        for (var next = 1ul; next <= 3; next++)
        {
            var other = await run.OpenSecondClientAsync();
            await other.GetRangeAsync();
            var wait = log.WaitForAppendAsync(next).AsTask();
            await other.DisposeAsync();
            await check.PendingAsync(
                wait, $"a wait for offset {next} of [0, {next}): expected it to be pending, but it ended when another client was disposed");
            check.Equal(next, await log.AppendBatchAsync(Batches.Of("b")), "the offset of an append after another client was disposed");
            await check.EndsAsync(wait, "a wait for what was appended after another client was disposed");
            check.Same(Batches.Of("a"), await log.ReadBatchAsync(0), "a batch read after another client was disposed");
        }
    }
}
