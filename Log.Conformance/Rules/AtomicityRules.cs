using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules ATOM-xx: a batch is in the log as a whole or not at all.</summary>
internal static class AtomicityRules
{
    [Rule(
        "ATOM-01",
        "A concurrent reader sees all of a batch, or none of it.",
        Why = "A batch is one change.",
        Without = "Readers act on half of a transaction.")]
    public static async Task ATOM_01_a_concurrent_reader_sees_all_of_a_batch_or_none(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        const int count = 10;
        var batches = Math.Max(10, run.Harness.RaceRounds / 50);
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
    }

    [Rule(
        "ATOM-02",
        "Concurrent batches never interleave.",
        Why = "A batch is contiguous.",
        Without = "Records of one caller appear inside the batch of another.")]
    public static async Task ATOM_02_concurrent_batches_never_interleave(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var appends = await ConcurrentAppends.RunAsync(run, log);
        foreach (var (first, batch) in appends)
            check.Same(batch, await log.ReadBatchAsync(first), $"the batch that was appended at {first}, beside others");
    }

    [Rule(
        "ATOM-03",
        "After a crash in the middle of an append, its batch is complete or absent.",
        Why = "Crashes happen in the middle.",
        Without = "Half of a transaction is stored permanently.",
        Needs = LogCapabilities.Reopen | LogCapabilities.Crash)]
    public static async Task ATOM_03_after_a_crash_in_the_middle_of_an_append_its_batch_is_complete_or_absent(RuleRun run)
    {
        var check = run.Check;
        var before = Batches.Of("before", "the crash");
        var batch = Batches.Numbered(5);
        for (var step = 0; step < run.CrashRounds; step++)
        {
            var name = $"step-{step}";
            run.History.Clear();
            run.Seed = $"the crash strikes step {step}";
            var log = await run.OpenAsync(name);
            await log.AppendBatchAsync(before);
            var isArmed = await run.CrashSoonAsync(step, name);
            var append = Steps.TryAppendAsync(log, batch);
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
    }
}
