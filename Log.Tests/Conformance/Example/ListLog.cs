// ListLog.cs
using LogKit;

namespace Example;

/// <summary>A log in a list: all that a log has to do, and gone with the process.</summary>
public sealed class ListLog : ILog
{
    private readonly Lock _gate = new();
    private readonly List<(ulong First, RecordBatch Batch)> _batches = [];
    private readonly OffsetSignal _appended; // wakes those who wait: the part that is easiest to get wrong
    private ulong _next;
    private bool _isDisposed;

    public ListLog() => _appended = new OffsetSignal(0, this);

    public ValueTask<ulong> AppendBatchAsync(RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Count == 0)
            throw new ArgumentException("batch must not be empty", nameof(batch));
        var copy = RecordBatch.Decode(batch.Encoded.ToArray()); // the caller may reuse its buffer
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (expectedOffset is { } expected && expected != _next)
                throw new OffsetMismatchException(expected, _next);
            var first = _next;
            _batches.Add((first, copy));
            _next += (ulong)copy.Count;
            _appended.Advance(_next);
            return ValueTask.FromResult(first);
        }
    }

    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (offset >= _next)
                throw new OffsetOutOfRangeException(offset, new LogRange(0, _next));
            var (first, batch) = _batches.FindLast(entry => entry.First <= offset);
            return ValueTask.FromResult(batch.From((int)(offset - first)));
        }
    }

    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return ValueTask.FromResult(new LogRange(0, _next));
        }
    }

    public ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        _appended.WaitAsync(offset, cancellationToken);

    public ValueTask DisposeAsync()
    {
        lock (_gate)
            _isDisposed = true;
        _appended.Dispose();
        return ValueTask.CompletedTask;
    }
}
