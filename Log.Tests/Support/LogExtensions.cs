namespace LogKit.Tests.Support;

internal static class LogExtensions
{
    /// <summary>Every record of a log, as text, by walking over it.</summary>
    public static async Task<List<string>> ReadAllTextAsync(this ILog log)
    {
        var texts = new List<string>();
        var range = await log.GetRangeAsync();
        for (var offset = range.StartOffset; offset < range.NextOffset;)
        {
            var batch = await log.ReadBatchAsync(offset);
            texts.AddRange(batch.Select(record => record.ToString()));
            offset += (ulong)batch.Count;
        }

        return texts;
    }

    /// <summary>
    /// Appends, smaller and smaller, until nothing more goes, and adds what went to what is expected of the log; what the last was
    /// refused with.
    /// </summary>
    public static async Task<LogFullException> FillAsync(this ILog log, List<string> expected, int minBytes)
    {
        for (var size = 30_000; ;)
        {
            var text = $"{expected.Count} {new string('x', size)}";
            try
            {
                Assert.Equal((ulong)expected.Count, await log.AppendBatchAsync(RecordBatch.OfText(text)));
                expected.Add(text);
            }
            catch (LogFullException exception)
            {
                size /= 2;
                if (size <= minBytes)
                    return exception;
            }
        }
    }
}
