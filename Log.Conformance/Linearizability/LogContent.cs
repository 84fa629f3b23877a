namespace LogKit.Conformance.Linearizability;

/// <summary>A batch of a log, where it lies.</summary>
internal readonly record struct LogEntry(ulong First, RecordBatch Batch)
{
    public ulong Next => First + (ulong)Batch.Count;
}

/// <summary>All that is in a log, by walking over it.</summary>
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
