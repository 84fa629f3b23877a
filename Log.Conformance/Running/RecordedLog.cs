namespace LogKit.Conformance.Running;

/// <summary>
/// The log under test, as the rules see it. Records each call in the history. A call that does not complete within the harness's timeout,
/// or throws an exception that no log may throw, fails with a message that says so. Nothing is copied.
/// </summary>
internal class RecordedLog(ILog inner, string name, int client, RuleRun run) : ILog
{
    public bool AppendsInCallOrder => inner.AppendsInCallOrder;

    /// <summary>The log itself.</summary>
    public ILog Inner => inner;

    public static RecordedLog Of(ILog log, string name, int client, RuleRun run) =>
        log is ITruncatableLog truncatable ? new Truncatable(truncatable, name, client, run) : new RecordedLog(log, name, client, run);

    public ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default) =>
        CallAsync(Operation(OperationKind.Append, expectedOffset, batch), () =>
            inner.AppendBatchAsync(batch, expectedOffset, cancellationToken));

    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        CallAsync(Operation(OperationKind.Read, offset), () => inner.ReadBatchAsync(offset, cancellationToken));

    public ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default) =>
        CallAsync(Operation(OperationKind.ReadBatches, offset, limitBytes: limitBytes), () =>
            inner.ReadBatchesAsync(offset, limitBytes, cancellationToken));

    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        CallAsync(Operation(OperationKind.Range), () => inner.GetRangeAsync(cancellationToken));

    // Waits have no timeout here. The rules say when they must complete.
    public async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        await CallAsync(
            Operation(OperationKind.Wait, offset),
            () => Untyped(inner.WaitForAppendAsync(offset, cancellationToken)),
            isBounded: false).ConfigureAwait(false);

    public async ValueTask DisposeAsync() =>
        await CallAsync(Operation(OperationKind.Dispose), () => Untyped(inner.DisposeAsync())).ConfigureAwait(false);

    protected async ValueTask<T> CallAsync<T>(Operation operation, Func<ValueTask<T>> call, bool isBounded = true)
    {
        run.History.Begin(operation);
        try
        {
            var task = run.Calls.Watch(operation, call); // before anything is awaited, to keep the order of the calls
            var result = task.IsCompleted || !isBounded
                ? await task.ConfigureAwait(false) : await AnswerAsync(operation, task.AsTask()).ConfigureAwait(false);
            run.History.End(operation, result);
            return result;
        }
        catch (Exception exception) when (exception is not RuleViolationException)
        {
            run.History.Fail(operation, exception);
            if (!IsDocumented(exception))
                throw run.Violation($"{operation}\n  No log may throw that (ERR-01)", RuleViolation.ForeignException, exception);
            throw;
        }
    }

    protected Operation Operation(OperationKind kind, ulong? offset = null, RecordBatch? batch = null, int limitBytes = 0) =>
        new(kind, client, offset, batch) { Log = name, LimitBytes = limitBytes };

    protected static async ValueTask<object?> Untyped(ValueTask task)
    {
        await task.ConfigureAwait(false);
        return null;
    }

    private async Task<T> AnswerAsync<T>(Operation operation, Task<T> task)
    {
        try
        {
            return await task.WaitAsync(run.Timeout).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw run.Violation($"{operation} for {run.Timeout.TotalSeconds:0.#} seconds", RuleViolation.NoAnswer);
        }
    }

    private static bool IsDocumented(Exception exception) =>
        exception is LogException or ArgumentException or OperationCanceledException or ObjectDisposedException;

    private sealed class Truncatable(ITruncatableLog inner, string name, int client, RuleRun run)
        : RecordedLog(inner, name, client, run), ITruncatableLog
    {
        public async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default) =>
            await CallAsync(Operation(OperationKind.Truncate, offset), () =>
                Untyped(((ITruncatableLog)Inner).TruncateBeforeAsync(offset, cancellationToken))).ConfigureAwait(false);
    }
}
