// The rules CANCEL-xx: what a canceled token does and does not do.

using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("CANCEL-01")]
    public Task CANCEL_01_a_token_canceled_before_the_call_ends_every_member_without_effect() => RuleAsync(async (log, check) =>
    {
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        using var canceled = new CancellationTokenSource();
        await canceled.CancelAsync();
        foreach (var (member, call) in MembersOf(log, canceled.Token))
            await check.ThrowsAsync<OperationCanceledException>(call, $"{member} with a token that is canceled already");
        check.Equal(new LogRange(0, 2), await log.GetRangeAsync(), "the range after canceled calls");
        check.Equal(2ul, await log.AppendBatchAsync(Batches.Of("c")), "the offset of an append after canceled calls");
    });

    [Rule("CANCEL-02")]
    public Task CANCEL_02_an_append_canceled_in_flight_happens_whole_or_not_at_all() => RuleAsync(async (log, check) =>
    {
        // An append that ended as canceled may still take effect, even after the call: then as a whole, once, and without affecting others.
        var acknowledged = new Dictionary<ulong, RecordBatch>();
        var canceled = new Dictionary<string, RecordBatch>();
        for (var round = 0; round < Math.Clamp(Harness.RaceRounds / 50, 5, 200); round++)
        {
            var batch = Batches.Of([.. Enumerable.Range(0, 6).Select(record => $"{round}/{record}")]);
            if (await AppendAndCancelAsync(log, check, batch, yields: round % 10) is { } offset)
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
    });

    [Rule("CANCEL-03")]
    public Task CANCEL_03_the_exception_carries_the_callers_token() => RuleAsync(async (log, check) =>
    {
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        using var before = new CancellationTokenSource();
        await before.CancelAsync();
        foreach (var (member, call) in MembersOf(log, before.Token))
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
    });

    /// <summary>A call of every member, which succeeds on a log of two records unless the token is canceled.</summary>
    private static IEnumerable<(string Member, Func<Task> Call)> MembersOf(ILog log, CancellationToken token)
    {
        yield return (nameof(log.AppendBatchAsync), () => log.AppendBatchAsync(Batches.Of("x"), null, token).AsTask());
        yield return ($"{nameof(log.AppendBatchAsync)} with an expected offset", () =>
            log.AppendBatchAsync(Batches.Of("x"), 2, token).AsTask());
        yield return (nameof(log.ReadBatchAsync), () => log.ReadBatchAsync(0, token).AsTask());
        yield return (nameof(log.ReadBatchesAsync), () => log.ReadBatchesAsync(0, 100, token).AsTask());
        yield return (nameof(log.GetRangeAsync), () => log.GetRangeAsync(token).AsTask());
        yield return ($"{nameof(log.WaitForAppendAsync)} for what is there", () => log.WaitForAppendAsync(0, token).AsTask());
        yield return ($"{nameof(log.WaitForAppendAsync)} for what is not there", () => log.WaitForAppendAsync(100, token).AsTask());
        if (log is ITruncatableLog truncatable)
            yield return (nameof(truncatable.TruncateBeforeAsync), () => truncatable.TruncateBeforeAsync(1, token).AsTask());
    }

    /// <returns>The offset, or null if the append was canceled.</returns>
    private static async Task<ulong?> AppendAndCancelAsync(ILog log, Check check, RecordBatch batch, int yields)
    {
        using var cancellation = new CancellationTokenSource();
        var append = log.AppendBatchAsync(batch, null, cancellation.Token).AsTask();
        for (; yields > 0; yields--)
            await Task.Yield();
        await cancellation.CancelAsync();
        try
        {
            return await check.EndsAsync(append, "an append that was canceled");
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}
