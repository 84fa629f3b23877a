using LogKit.Conformance.Running;

namespace LogKit.Conformance.Linearizability;

/// <summary>A batch of a log, with its first offset.</summary>
internal readonly record struct LogEntry(ulong First, RecordBatch Batch)
{
    public ulong Next => First + (ulong)Batch.Count;
}

/// <summary>The batches of a log.</summary>
internal static class LogContent
{
    /// <summary>Reads all batches of a log.</summary>
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

    /// <summary>Completes the content of a log by the batches that were truncated, which are known from their appends.</summary>
    public static List<LogEntry> WithTruncated(IEnumerable<LogEntry> content, LogRange range, IEnumerable<Operation> history)
    {
        var truncated = history
            .Where(operation => operation is { Kind: OperationKind.Append, Succeeded: true, Result: ulong first }
                && first < range.StartOffset)
            .Select(append => new LogEntry((ulong)append.Result!, append.Batch!))
            .OrderBy(entry => entry.First)
            .ToList();
        var next = truncated.Count == 0 ? range.StartOffset : truncated[^1].Next; // its end may be left
        return [.. truncated, .. content.Where(entry => entry.First >= next)];
    }
}
