using LogKit;

namespace MyLogs;

/// <summary>
/// A log. It keeps its batches in a list, so that it passes the suite from the start: replace the list by your storage. The four members
/// that do the work are below; ILog says what each must do.
/// </summary>
public sealed class MyLog : ILog
{
    private readonly Lock _gate = new();
    private readonly List<(ulong First, RecordBatch Batch)> _batches = []; // your storage
    private readonly OffsetSignal _appended; // wakes those who wait for an append
    private ulong _next;
    private bool _isDisposed;

    public MyLog() => _appended = new OffsetSignal(nextOffset: 0, this);

    /// <summary>Stores the batch as a whole. What it acknowledges must be as durable as you promise.</summary>
    public ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        if (LogCalls.Refuse(batch, RecordBatch.DefaultLimitBytes) is { } refusal)
            throw refusal;
        lock (_gate)
        {
            ThrowIfRefused(cancellationToken);
            if (expectedOffset is { } expected && expected != _next)
                throw new OffsetMismatchException(expected, _next);
            var first = _next;
            _batches.Add((first, RecordBatch.Decode(batch.Encoded.ToArray()))); // a copy: the caller may reuse its bytes
            _next += (ulong)batch.Count;
            _appended.Advance(_next); // after it is stored, and not before
            return ValueTask.FromResult(first);
        }
    }

    /// <summary>Returns the records from the offset to the end of its batch.</summary>
    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            ThrowIfRefused(cancellationToken);
            if (offset >= _next)
                throw new OffsetOutOfRangeException(offset, new LogRange(0, _next));
            var (first, batch) = _batches.FindLast(entry => entry.First <= offset);
            return ValueTask.FromResult(batch.From((int)(offset - first)));
        }
    }

    /// <summary>Returns the offsets that can be read.</summary>
    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            ThrowIfRefused(cancellationToken);
            return ValueTask.FromResult(new LogRange(0, _next));
        }
    }

    /// <summary>Waits for an append. If others can append to your storage, look there and call Advance.</summary>
    public ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        _appended.WaitAsync(offset, cancellationToken);

    public ValueTask DisposeAsync()
    {
        lock (_gate)
            _isDisposed = true;
        _appended.Dispose();
        return ValueTask.CompletedTask;
    }

    private void ThrowIfRefused(CancellationToken cancellationToken)
    {
        if (LogCalls.Refuse(this, _isDisposed, cancellationToken) is { } refusal)
            throw refusal;
    }
}
