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
}
