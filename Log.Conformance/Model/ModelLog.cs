namespace LogKit.Conformance.Model;

/// <summary>The model: a log without concurrency and storage.</summary>
internal sealed class ModelLog
{
    private readonly List<(ulong First, string[] Values)> _batches = [];

    public LogRange Range { get; private set; }

    /// <summary>The outcome of an append, as text; see <see cref="Step"/>.</summary>
    public string Append(string[] values, ulong? expected)
    {
        if (values.Length == 0)
            return Outcome.Of(new ArgumentException("batch must not be empty", nameof(values)));
        var next = Range.NextOffset;
        if (expected is { } offset && offset != next)
            return Outcome.Of(new OffsetMismatchException(offset, next));
        _batches.Add((next, values));
        Range = Range with { NextOffset = next + (ulong)values.Length };
        return Outcome.Of(next);
    }

    public string Read(ulong offset)
    {
        if (!Range.Contains(offset))
            return Outcome.Of(new OffsetOutOfRangeException(offset, Range));
        return Outcome.Of(From(IndexOf(offset), offset));
    }

    /// <summary>The outcome of a read of several batches that returns as many as its limit allows.</summary>
    public string ReadBatches(ulong offset, int limitBytes)
    {
        if (!Range.Contains(offset))
            return Outcome.Of(new OffsetOutOfRangeException(offset, Range));
        var index = IndexOf(offset);
        var batches = new List<RecordBatch> { From(index, offset) };
        var sizeBytes = batches[0].SizeBytes;
        while (++index < _batches.Count)
        {
            var batch = From(index, _batches[index].First);
            if ((sizeBytes += batch.SizeBytes) > limitBytes)
                break;
            batches.Add(batch);
        }

        return Outcome.Of(batches);
    }

    public string Truncate(ulong offset)
    {
        if (offset > Range.NextOffset)
            return Outcome.Of(new OffsetOutOfRangeException(offset, Range));
        Range = Range with { StartOffset = Math.Max(offset, Range.StartOffset) };
        return Outcome.Done;
    }

    private int IndexOf(ulong offset) => _batches.FindLastIndex(batch => batch.First <= offset);

    private RecordBatch From(int index, ulong offset) =>
        RecordBatch.OfText(_batches[index].Values.AsSpan((int)(offset - _batches[index].First)));
}
