using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules CANCEL-xx: what a canceled call does.</summary>
internal static class CancellationRules
{
    [Rule(
        "CANCEL-01",
        "If the token is canceled before the call, every member fails with `OperationCanceledException`, without effect.",
        Why = "A caller that has given up does not write.",
        Without = "Canceled work is stored anyway.")]
    public static async Task CANCEL_01_a_token_canceled_before_the_call_cancels_every_member_without_effect(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        using var canceled = new CancellationTokenSource();
        await canceled.CancelAsync();
        foreach (var (member, call) in Steps.MembersOf(log, canceled.Token))
            await check.ThrowsAsync<OperationCanceledException>(call, $"{member} with a token that is canceled already");
        check.Equal(new LogRange(0, 2), await log.GetRangeAsync(), "the range after canceled calls");
        check.Equal(2ul, await log.AppendBatchAsync(Batches.Of("c")), "the offset of an append after canceled calls");
    }

    [Rule(
        "CANCEL-02",
        "An append that is canceled in flight takes effect as a whole or not at all; later appends are dense.",
        Why = "A timeout must not split a batch.",
        Without = "Impatient clients cause partial batches and gaps.")]
    public static async Task CANCEL_02_an_append_canceled_in_flight_takes_effect_as_a_whole_or_not_at_all(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        // An append that ended as canceled may still take effect, even after the call: then as a whole, once, and without affecting others.
        var acknowledged = new Dictionary<ulong, RecordBatch>();
        var canceled = new Dictionary<string, RecordBatch>();
        for (var round = 0; round < Math.Clamp(run.Harness.RaceRounds / 50, 5, 200); round++)
        {
            var batch = Batches.Of([.. Enumerable.Range(0, 6).Select(record => $"{round}/{record}")]);
            if (await Steps.AppendAndCancelAsync(log, check, batch, yields: round % 10) is { } offset)
                acknowledged.Add(offset, batch);
            else
                canceled.Add($"{round}/0", batch);
            var later = Batches.Of($"after {round}", "x");
            acknowledged.Add(await log.AppendBatchAsync(later), later);
        }

        foreach (var (first, batch) in await LogContent.OfAsync(log))
        {
            if (acknowledged.Remove(first, out var expected))
                check.Same(expected, batch, $"the batch at {first}, which was acknowledged");
            else if (canceled.Remove(batch[0].ToString(), out expected))
                check.Same(expected, batch, $"the batch at {first}, whose append was canceled");
            else
                throw check.Fail($"at {first}: expected a batch that was appended, once, got {OperationText.Of(batch)}");
        }

        check.Equal(0, acknowledged.Count, "how many of the batches that were acknowledged are not in the log at their offset");
    }

    [Rule(
        "CANCEL-03",
        "The exception carries the token of the caller.",
        Why = "The caller can distinguish its own timeout from others.",
        Without = "Retry logic confuses one cancellation with another.")]
    public static async Task CANCEL_03_the_exception_carries_the_callers_token(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        using var before = new CancellationTokenSource();
        await before.CancelAsync();
        foreach (var (member, call) in Steps.MembersOf(log, before.Token))
        {
            var early = await check.ThrowsAsync<OperationCanceledException>(call, $"{member} with a token that is canceled already");
            check.Equal(before.Token, early.CancellationToken, $"the token of the exception of {member}");
        }

        using var during = new CancellationTokenSource();
        var wait = log.WaitForAppendAsync(100, during.Token).AsTask();
        await during.CancelAsync();
        var canceled = await check.ThrowsAsync<OperationCanceledException>(() => wait, "a wait that is canceled");
        check.Equal(during.Token, canceled.CancellationToken, "the token of the exception of a wait that was canceled");

        using var deadline = new CancellationTokenSource(TimeSpan.FromMilliseconds(10));
        var late = await check.ThrowsAsync<OperationCanceledException>(
            () => log.WaitForAppendAsync(100, deadline.Token).AsTask(), "a wait whose token is canceled by a deadline");
        check.Equal(deadline.Token, late.CancellationToken, "the token of the exception of a wait whose deadline has passed");

        // An append, at every point at which it may be. Whether the cancellation comes in time is up to the log.
        for (var i = 0; i < Math.Clamp(run.Harness.RaceRounds / 10, 50, 1000); i++)
            await Steps.AppendAndCancelAsync(log, check, Batches.Of("x"), yields: i % 50, spins: i * 7 % 500);
    }
}
