using LogKit.Disk;

namespace LogKit.Benchmarks.Disk;

/// <summary>Fills logs.</summary>
internal static class Filling
{
    /// <summary>Creates a log on disk, fills it, and closes it.</summary>
    public static async Task FillAsync(string directory, RecordBatch batch, long count)
    {
        await using var log = DiskLog.Open(directory, new DiskLogOptions { FlushMode = FlushMode.Never });
        await FillAsync(log, batch, count);
    }

    /// <summary>Appends a batch this many times, with many appends in flight.</summary>
    public static async Task FillAsync(ILog log, RecordBatch batch, long count)
    {
        var window = new Queue<ValueTask<ulong>>();
        for (var i = 0L; i < count; i++)
        {
            if (window.Count == 256)
                await window.Dequeue();
            window.Enqueue(log.AppendBatchAsync(batch));
        }

        while (window.TryDequeue(out var append))
            await append;
    }
}
