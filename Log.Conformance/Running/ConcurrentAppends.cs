namespace LogKit.Conformance.Running;

/// <summary>Eight workers concurrently append batches of different lengths.</summary>
internal static class ConcurrentAppends
{
    /// <summary>Runs the appends. Returns each batch with its offset.</summary>
    public static async Task<(ulong First, RecordBatch Batch)[]> RunAsync(RuleRun run, ILog log)
    {
        const int workers = 8;
        var each = Math.Clamp(run.Harness.RaceRounds / 100, 12, 100);
        var tasks = Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            var appends = new List<(ulong, RecordBatch)>();
            for (var i = 0; i < each; i++)
            {
                var batch = Batches.Of([.. Enumerable.Range(0, 1 + ((worker + i) % 4)).Select(record => $"{worker}/{i}/{record}")]);
                appends.Add((await log.AppendBatchAsync(batch), batch));
            }

            return appends;
        }));
        var all = await run.Check.EndsAsync(Task.WhenAll(tasks), $"{workers} times {each} concurrent appends");
        return [.. all.SelectMany(appends => appends)];
    }
}
