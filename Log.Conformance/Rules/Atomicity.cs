// The rules ATOM-xx: a batch is in the log as a whole or not at all.

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("ATOM-01")]
    public Task ATOM_01_a_concurrent_reader_sees_all_of_a_batch_or_none() => RuleAsync(async (log, check) =>
    {
        const int count = 10;
        var batches = Math.Max(10, Harness.RaceRounds / 50);
        var appends = Task.Run(async () =>
        {
            for (var i = 0; i < batches; i++)
                await log.AppendBatchAsync(Batches.Numbered(count, i * count));
        });
        var random = new Random(1);
        while (!appends.IsCompleted)
        {
            await Task.Yield();
            var range = await log.GetRangeAsync();
            check.Equal(0ul, range.NextOffset % count, $"records of a batch that are in {range} without the others of it");
            var index = random.Next(count);
            var offset = range.NextOffset + (ulong)index;
            try
            {
                var read = await log.ReadBatchAsync(offset);
                check.Same(Batches.Numbered(count, (int)range.NextOffset).From(index), read, $"what a concurrent reader sees at {offset}");
            }
            catch (OffsetOutOfRangeException)
            {
                // Not there yet, which is allowed.
            }
        }

        await check.EndsAsync(appends, $"{batches} appends");
    });

    [Rule("ATOM-02")]
    public Task ATOM_02_concurrent_batches_never_interleave() => RuleAsync(async (log, check) =>
    {
        var appends = await AppendConcurrentlyAsync(log, check);
        foreach (var (first, batch) in appends)
            check.Same(batch, await log.ReadBatchAsync(first), $"the batch that was appended at {first}, beside others");
    });

    [Rule("ATOM-03", Needs = LogCapabilities.Reopen | LogCapabilities.Crash)]
    public Task ATOM_03_after_a_crash_in_the_middle_of_an_append_the_batch_is_whole_or_absent() => RuleAsync(async run =>
    {
        var check = run.Check;
        var before = Batches.Of("before", "the crash");
        var batch = Batches.Numbered(5);
        for (var step = 0; step < CrashRounds; step++)
        {
            var name = $"step-{step}";
            run.History.Clear();
            run.Seed = $"the crash strikes step {step}";
            var log = await run.OpenAsync(name);
            await log.AppendBatchAsync(before);
            var isArmed = await run.CrashSoonAsync(step, name);
            var append = TryAppendAsync(log, batch);
            if (isArmed)
                await append;
            await run.CrashAsync(name);
            var isAcknowledged = await append;

            log = await run.OpenAsync(name);
            var range = await log.GetRangeAsync();
            check.True(
                range == new LogRange(0, 7) || (range == new LogRange(0, 2) && !isAcknowledged),
                $"the range after a crash in the middle of an append{(isAcknowledged ? ", which was acknowledged" : "")}: "
                + $"expected [0, 7){(isAcknowledged ? "" : " or [0, 2)")}, got {range}");
            check.Same(before, await log.ReadBatchAsync(0), "the batch before");
            if (range.NextOffset == 7)
                check.Same(batch, await log.ReadBatchAsync(2), "the batch that was being appended");
            await run.RemoveAsync(name);
        }
    });

    /// <summary>The number of positions, or times, at which logs are crashed.</summary>
    private int CrashRounds => Math.Clamp(Harness.RaceRounds / 200, 6, 40);

    /// <summary>Appends, which may fail because the log crashes meanwhile.</summary>
    /// <returns>Whether it was acknowledged.</returns>
    private static async Task<bool> TryAppendAsync(ILog log, RecordBatch batch)
    {
        try
        {
            await log.AppendBatchAsync(batch);
            return true;
        }
        catch (Exception exception) when (exception is LogException or ObjectDisposedException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Eight workers concurrently append batches of different lengths.</summary>
    private async Task<(ulong First, RecordBatch Batch)[]> AppendConcurrentlyAsync(ILog log, Check check)
    {
        const int workers = 8;
        var each = Math.Clamp(Harness.RaceRounds / 100, 3, 100);
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
        var all = await check.EndsAsync(Task.WhenAll(tasks), $"{workers} times {each} concurrent appends");
        return [.. all.SelectMany(appends => appends)];
    }
}
