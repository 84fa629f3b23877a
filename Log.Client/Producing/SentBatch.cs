namespace LogKit.Client.Producing;

/// <summary>Records that were taken from the queue to be sent together, until their common outcome is known.</summary>
internal sealed class SentBatch(RecordQueue queue, PendingRecord[] records, RecordBatch batch, ulong? expectedOffset)
{
    public RecordBatch Batch { get; } = batch;

    /// <summary>Where an exclusive producer wants it.</summary>
    public ulong? ExpectedOffset { get; set; } = expectedOffset;

    public void Acknowledge(ulong firstOffset)
    {
        for (var i = 0; i < records.Length; i++)
            records[i].Offset.TrySetResult(firstOffset + (ulong)i);
        queue.Finish(records);
    }

    public void Fail(Exception exception)
    {
        foreach (var record in records)
            record.Offset.TrySetException(exception);
        queue.Finish(records);
    }

    /// <summary>It was not sent after all.</summary>
    public void PutBack() => queue.PutBack(records);
}
