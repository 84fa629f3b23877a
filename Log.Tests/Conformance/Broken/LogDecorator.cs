namespace LogKit.Tests.Conformance.Broken;

/// <summary>Delegates to another log. Each broken log overrides what it does wrong.</summary>
internal abstract class LogDecorator(ITruncatableLog inner) : ITruncatableLog
{
    public virtual bool AppendsInCallOrder => inner.AppendsInCallOrder;

    protected ITruncatableLog Inner => inner;

    public virtual ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch,
        ulong? expectedOffset = null,
        CancellationToken cancellationToken = default) => inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);

    public virtual ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        inner.ReadBatchAsync(offset, cancellationToken);

    public virtual ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset,
        int limitBytes,
        CancellationToken cancellationToken = default) => inner.ReadBatchesAsync(offset, limitBytes, cancellationToken);

    public virtual ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        inner.GetRangeAsync(cancellationToken);

    public virtual ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        inner.WaitForAppendAsync(offset, cancellationToken);

    public virtual ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default) =>
        inner.TruncateBeforeAsync(offset, cancellationToken);

    public virtual ValueTask DisposeAsync() => inner.DisposeAsync();

    protected async Task<ulong> NextAsync() => (await inner.GetRangeAsync()).NextOffset;
}

/// <summary>Another client of a log, whose disposal does not dispose the log.</summary>
internal class SecondClient(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly CancellationTokenSource _disposing = new();

    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposing.Token);
        try
        {
            await Inner.WaitForAppendAsync(offset, either.Token);
        }
        catch (OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new ObjectDisposedException(GetType().FullName);
        }
    }

    public override async ValueTask DisposeAsync() => await _disposing.CancelAsync();
}
