namespace LogKit.Conformance.Linearizability;

/// <summary>A batch of a log, with its first offset.</summary>
internal readonly record struct LogEntry(ulong First, RecordBatch Batch)
{
    public ulong Next => First + (ulong)Batch.Count;
}

/// <summary>Reads all batches of a log.</summary>
internal static class LogContent
{
    public static async Task<List<LogEntry>> OfAsync(ILog log)
    {
        var entries = new List<LogEntry>();
        var range = await log.GetRangeAsync();
        for (var offset = range.StartOffset; offset < range.NextOffset;)
        {
            var entry = new LogEntry(offset, await log.ReadBatchAsync(offset));
            entries.Add(entry);
            offset += (ulong)Math.Max(1, entry.Batch.Count);
        }

        return entries;
    }
}
