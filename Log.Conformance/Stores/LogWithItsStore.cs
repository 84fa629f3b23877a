namespace LogKit.Conformance.Stores;

/// <summary>A log that owns the store that it came from.</summary>
internal class LogWithItsStore : ILog
{
    private readonly ILogStore _store;

    private LogWithItsStore(ILog log, ILogStore store) => (Log, _store) = (log, store);

    public static ILog Of(ILog log, ILogStore store) =>
        log is ITruncatableLog truncatable ? new Truncatable(truncatable, store) : new LogWithItsStore(log, store);

    public bool AppendsInCallOrder => Log.AppendsInCallOrder;

    private ILog Log { get; }

    public ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default) =>
        Log.AppendBatchAsync(batch, expectedOffset, cancellationToken);

    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Log.ReadBatchAsync(offset, cancellationToken);

    public ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default) =>
        Log.ReadBatchesAsync(offset, limitBytes, cancellationToken);

    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) => Log.GetRangeAsync(cancellationToken);

    public ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Log.WaitForAppendAsync(offset, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await Log.DisposeAsync().ConfigureAwait(false);
        await _store.DisposeAsync().ConfigureAwait(false);
    }

    private sealed class Truncatable(ITruncatableLog log, ILogStore store) : LogWithItsStore(log, store), ITruncatableLog
    {
        public ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default) =>
            ((ITruncatableLog)Log).TruncateBeforeAsync(offset, cancellationToken);
    }
}
