namespace LogKit.Client.Producing;

/// <summary>Records that are sent together, until their common outcome is known.</summary>
internal sealed class SentBatch(RecordQueue queue, PendingRecord[] records, RecordBatch batch, ulong? expectedOffset)
{
    public RecordBatch Batch { get; } = batch;

    /// <summary>The offset that an exclusive producer expects.</summary>
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

    /// <summary>Returns the records to the queue, because they were not sent.</summary>
    public void PutBack() => queue.PutBack(records);
}
