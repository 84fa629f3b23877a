using System.Diagnostics;

namespace LogKit.InMemory;

/// <summary>Options for an <see cref="InMemoryLog"/>.</summary>
public sealed record InMemoryLogOptions
{
    /// <summary>The limit on the size of a batch, in bytes of its encoding.</summary>
    public int BatchLimitBytes { get; init; } = RecordBatch.DefaultLimitBytes;

    /// <summary>The offset of the first record, as for a log that has been truncated. At most 2⁶³.</summary>
    public ulong StartOffset { get; init; }
}

/// <summary>
/// The smallest correct log. Everything is in memory and is lost with the process. Use it as a fake in tests; it is also the model that
/// other logs are compared with.
/// </summary>
/// <remarks>
/// Appends and truncations run under a lock and publish an immutable <see cref="View"/>. Readers use the latest view and take no lock. A
/// batch is copied when it is appended; all readers share the copy.
/// </remarks>
public sealed class InMemoryLog : ITruncatableLog
{
    private readonly Lock _gate = new(); // held by appends and truncations
    private readonly int _batchLimitBytes;
    private readonly OffsetSignal _appended;
    private volatile View _view; // replaced under _gate, read by any thread
    private volatile bool _isDisposed; // set under _gate

    /// <summary>Creates an empty log.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public InMemoryLog(InMemoryLogOptions? options = null)
    {
        options ??= new InMemoryLogOptions();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.BatchLimitBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.StartOffset, 1ul << 63);
        _batchLimitBytes = options.BatchLimitBytes;
        _view = new View(new Entry[16], 0, 0, new LogRange(options.StartOffset, options.StartOffset));
        _appended = new OffsetSignal(options.StartOffset, this);
    }

    /// <summary>True: appends get offsets in the order of the calls.</summary>
    public bool AppendsInCallOrder => true;

    /// <inheritdoc/>
    public ValueTask<ulong> AppendBatchAsync(RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if ((Refuse(cancellationToken) ?? LogCalls.Refuse(batch, _batchLimitBytes)) is { } refusal)
            return ValueTask.FromException<ulong>(refusal);

        var copy = RecordBatch.Decode(batch.Encoded.ToArray());
        lock (_gate)
        {
            if (_isDisposed)
                return ValueTask.FromException<ulong>(LogCalls.Disposed(this));
            var offset = _view.Range.NextOffset;
            if (expectedOffset is { } expected && expected != offset)
                return ValueTask.FromException<ulong>(new OffsetMismatchException(expected, offset));
            _view = _view.Append(copy);
            _appended.Advance(_view.Range.NextOffset);
            return ValueTask.FromResult(offset);
        }
    }

    /// <inheritdoc/>
    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        if (Refuse(cancellationToken) is { } refusal)
            return ValueTask.FromException<RecordBatch>(refusal);
        var view = _view;
        return view.Range.Contains(offset)
            ? ValueTask.FromResult(view.Read(offset))
            : ValueTask.FromException<RecordBatch>(new OffsetOutOfRangeException(offset, view.Range));
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limitBytes);
        if (Refuse(cancellationToken) is { } refusal)
            return ValueTask.FromException<IReadOnlyList<RecordBatch>>(refusal);
        var view = _view;
        return view.Range.Contains(offset)
            ? ValueTask.FromResult<IReadOnlyList<RecordBatch>>(view.Read(offset, limitBytes))
            : ValueTask.FromException<IReadOnlyList<RecordBatch>>(new OffsetOutOfRangeException(offset, view.Range));
    }

    /// <inheritdoc/>
    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        Refuse(cancellationToken) is { } refusal ? ValueTask.FromException<LogRange>(refusal) : ValueTask.FromResult(_view.Range);

    /// <inheritdoc/>
    public ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Refuse(cancellationToken) is { } refusal ? ValueTask.FromException(refusal) : _appended.WaitAsync(offset, cancellationToken);

    /// <inheritdoc/>
    public ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        if (Refuse(cancellationToken) is { } refusal)
            return ValueTask.FromException(refusal);
        lock (_gate)
        {
            if (_isDisposed)
                return ValueTask.FromException(LogCalls.Disposed(this));
            if (offset > _view.Range.NextOffset)
                return ValueTask.FromException(new OffsetOutOfRangeException(offset, _view.Range));
            if (offset > _view.Range.StartOffset)
                _view = _view.TruncateBefore(offset);
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>Ends pending waits. Batches that were read stay valid; everything else is lost.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
            _isDisposed = true;
        _appended.Dispose();
        return ValueTask.CompletedTask;
    }

    private Exception? Refuse(CancellationToken cancellationToken) => LogCalls.Refuse(this, _isDisposed, cancellationToken);

    private readonly record struct Entry(ulong Offset, RecordBatch Batch)
    {
        public RecordBatch From(ulong offset) => Batch.From((int)(offset - Offset));
    }

    /// <summary>
    /// What readers see: the entries <c>[first, end)</c> of an array that views share. Appending to the newest view writes past the end of
    /// all others, so the content of a view never changes.
    /// </summary>
    private sealed class View(Entry[] entries, int first, int end, LogRange range)
    {
        public LogRange Range { get; } = range;

        public View Append(RecordBatch batch)
        {
            var (array, start, next) = end < entries.Length ? (entries, first, end) : MoveToArrayWithRoom();
            Debug.Assert(
                next == start || array[next - 1].Offset + (ulong)array[next - 1].Batch.Count == Range.NextOffset, "offsets are dense");
            array[next] = new Entry(Range.NextOffset, batch);
            return new View(array, start, next + 1, Range with { NextOffset = Range.NextOffset + (ulong)batch.Count });
        }

        public RecordBatch Read(ulong offset) => entries[IndexOf(offset)].From(offset);

        public List<RecordBatch> Read(ulong offset, int limitBytes)
        {
            var index = IndexOf(offset);
            var batches = new List<RecordBatch> { entries[index].From(offset) };
            long sizeBytes = batches[0].SizeBytes;
            for (var i = index + 1; i < end && (sizeBytes += entries[i].Batch.SizeBytes) <= limitBytes; i++)
                batches.Add(entries[i].Batch);
            return batches;
        }

        public View TruncateBefore(ulong offset)
        {
            var shorter = Range with { StartOffset = offset };
            var start = offset == Range.NextOffset ? end : IndexOf(offset);
            if (start - first < end - start)
                return new View(entries, start, end, shorter); // the array keeps the truncated batches until it is next copied

            var kept = new Entry[Math.Max(16, 2 * (end - start))];
            Array.Copy(entries, start, kept, 0, end - start);
            return new View(kept, 0, end - start, shorter);
        }

        private (Entry[] Entries, int First, int End) MoveToArrayWithRoom()
        {
            var grown = new Entry[Math.Max(16, 2 * (end - first))];
            Array.Copy(entries, first, grown, 0, end - first);
            return (grown, 0, end - first);
        }

        /// <summary>The index of the last entry that begins at or before an offset.</summary>
        private int IndexOf(ulong offset)
        {
            var index = entries.AsSpan(first, end - first).BinarySearch(new At(offset));
            return first + (index >= 0 ? index : ~index - 1);
        }

        private readonly struct At(ulong offset) : IComparable<Entry>
        {
            public int CompareTo(Entry entry) => offset.CompareTo(entry.Offset);
        }
    }
}
