namespace LogKit.Tests.Support;

internal static class LogExtensions
{
    /// <summary>Reads the whole log, and returns every record as text.</summary>
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
    /// Appends smaller and smaller records until the log accepts no more, and adds the records that were stored to the expected content.
    /// Returns the exception of the last append.
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
