// The rules DISP-xx: a log after its disposal.

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("DISP-01")]
    public Task DISP_01_disposing_again_does_nothing_also_at_the_same_time() => RuleAsync(async run =>
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
    });

    [Rule("DISP-02")]
    public Task DISP_02_every_member_of_a_disposed_log_says_so() => RuleAsync(async (log, check) =>
    {
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        await log.DisposeAsync();
        foreach (var (member, call) in MembersOf(log, CancellationToken.None))
            await check.ThrowsAsync<ObjectDisposedException>(call, $"{member} of a log that was disposed");
    });

    [Rule("DISP-03")]
    public Task DISP_03_pending_waits_end_with_the_disposal() => RuleAsync(async (log, check) =>
    {
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
    });

    [Rule("DISP-04", Needs = LogCapabilities.Reopen)]
    public Task DISP_04_a_disposed_log_can_be_opened_again_at_once() => RuleAsync(async run =>
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
    });
}
