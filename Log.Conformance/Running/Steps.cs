namespace LogKit.Conformance.Running;

/// <summary>Steps that several rules share.</summary>
internal static class Steps
{
    /// <returns>The offset, or null if the append was canceled.</returns>
    public static async Task<ulong?> AppendAndCancelAsync(ILog log, Check check, RecordBatch batch, int yields, int spins = 0)
    {
        using var cancellation = new CancellationTokenSource();
        var append = log.AppendBatchAsync(batch, null, cancellation.Token).AsTask();
        for (; yields > 0; yields--)
            await Task.Yield();
        Thread.SpinWait(spins);
        await cancellation.CancelAsync();
        try
        {
            return await check.EndsAsync(append, "an append that was canceled");
        }
        catch (OperationCanceledException exception)
        {
            check.Equal(cancellation.Token, exception.CancellationToken, "the token of the exception of an append canceled in flight");
            return null;
        }
    }

    /// <summary>A call of every member, which succeeds on a log of two records unless the token is canceled.</summary>
    public static IEnumerable<(string Member, Func<Task> Call)> MembersOf(ILog log, CancellationToken token)
    {
        yield return (nameof(log.AppendBatchAsync), () => log.AppendBatchAsync(Batches.Of("x"), null, token).AsTask());
        yield return ($"{nameof(log.AppendBatchAsync)} with an expected offset", () =>
            log.AppendBatchAsync(Batches.Of("x"), 2, token).AsTask());
        yield return (nameof(log.ReadBatchAsync), () => log.ReadBatchAsync(0, token).AsTask());
        yield return (nameof(log.ReadBatchesAsync), () => log.ReadBatchesAsync(0, 100, token).AsTask());
        yield return (nameof(log.GetRangeAsync), () => log.GetRangeAsync(token).AsTask());
        yield return ($"{nameof(log.WaitForAppendAsync)} for what is there", () => log.WaitForAppendAsync(0, token).AsTask());
        if (log is ITruncatableLog truncatable)
            yield return (nameof(truncatable.TruncateBeforeAsync), () => truncatable.TruncateBeforeAsync(1, token).AsTask());
        yield return ($"{nameof(log.WaitForAppendAsync)} for what is not there", () => log.WaitForAppendAsync(100, token).AsTask());
    }

    /// <summary>Appends batches with given numbers of records, numbered consecutively.</summary>
    public static async Task<List<(ulong First, RecordBatch Batch)>> AppendAsync(ILog log, params int[] counts)
    {
        var appended = new List<(ulong First, RecordBatch Batch)>();
        var number = 0;
        foreach (var count in counts)
        {
            var batch = Batches.Numbered(count, number);
            appended.Add((await log.AppendBatchAsync(batch), batch));
            number += count;
        }

        return appended;
    }

    /// <summary>Appends, which may fail because the log crashes meanwhile.</summary>
    /// <returns>Whether it was acknowledged.</returns>
    public static async Task<bool> TryAppendAsync(ILog log, RecordBatch batch)
    {
        try
        {
            await log.AppendBatchAsync(batch);
            return true;
        }
        catch (Exception exception) when (exception is LogException or ObjectDisposedException or OperationCanceledException)
        {
            return false;
        }
    }

    public static async Task RequireAsync(RuleRun run, ILog log, List<(ulong First, RecordBatch Batch)> expected, string when)
    {
        foreach (var (first, batch) in expected)
        {
            RecordBatch read;
            try
            {
                read = await log.ReadBatchAsync(first);
            }
            catch (LogException exception)
            {
                throw run.Check.Fail(
                    $"the batch at {first}, {when}: expected {OperationText.Of(batch)}, got {exception.GetType().Name}: "
                        + $"{exception.Message}",
                    exception);
            }

            run.Check.Same(batch, read, $"the batch at {first}, {when}");
        }
    }
}
