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
}
