using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules DUR-xx: what survives reopening, a crash, and damage.</summary>
internal static class DurabilityRules
{
    [Rule(
        "DUR-01",
        "Reopening the log finds every acknowledged record, at its offset, with its bytes.",
        Why = "It is a log.",
        Without = "A restart loses data.",
        Needs = LogCapabilities.Reopen)]
    public static async Task DUR_01_reopening_finds_every_acknowledged_record_at_its_offset(RuleRun run)
    {
        var log = await run.OpenAsync();
        var appends = await Steps.AppendAsync(log, 1, 3, 40, 1, 2);
        var special = Batches.OfBytes([], [0, 255, 128], new byte[20_000]);
        appends.Add((await log.AppendBatchAsync(special), special));
        log = await run.ReopenAsync();
        await Steps.RequireAsync(run, log, appends, "after reopening");
        run.Check.Equal(new LogRange(0, 50), await log.GetRangeAsync(), "the range after reopening");
    }

    [Rule(
        "DUR-02",
        "Next survives reopening, the next append is dense, and three cycles cause no drift.",
        Why = "Offsets continue where they were.",
        Without = "Each restart reuses or skips offsets.",
        Needs = LogCapabilities.Reopen)]
    public static async Task DUR_02_the_next_offset_survives_reopening_and_does_not_drift(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var next = 0ul;
        for (var cycle = 0; cycle < 3; cycle++)
        {
            check.Equal(next, await log.AppendBatchAsync(Batches.Of("a", "b")), $"the offset of an append after {cycle} reopenings");
            next += 2;
            log = await run.ReopenAsync();
            check.Equal(new LogRange(0, next), await log.GetRangeAsync(), $"the range after {cycle + 1} reopenings");
        }

        check.Equal(next, await log.AppendBatchAsync(Batches.Of("c")), "the offset of an append after 3 reopenings");
    }

    [Rule(
        "DUR-03",
        "Every acknowledged append survives a crash.",
        Why = "Acknowledged means durable.",
        Without = "Callers were told that their data is safe, and it is lost.",
        Needs = LogCapabilities.Reopen | LogCapabilities.Crash)]
    public static async Task DUR_03_every_acknowledged_append_survives_a_crash(RuleRun run)
    {
        for (var step = 0; step < run.CrashRounds; step++)
        {
            var name = await CrashWhileAppendingAsync(run, step, async (log, appends, isArmed) =>
            {
                for (var i = 0; i < 12 || isArmed; i++)
                {
                    var batch = Batches.Numbered(1 + (i % 3), i);
                    appends.Add((await log.AppendBatchAsync(batch), batch));
                    if (i >= 1000)
                        break; // the log did not reach that step
                }
            });
            await run.RemoveAsync(name);
        }
    }

    [Rule(
        "DUR-04",
        "No record that a reader has seen is lost in a crash.",
        Why = "Readers act on what they see.",
        Without = "Downstream systems have records that the log does not.",
        Needs = LogCapabilities.Reopen | LogCapabilities.Crash)]
    public static async Task DUR_04_no_record_that_a_reader_has_seen_is_lost_in_a_crash(RuleRun run)
    {
        for (var step = 0; step < run.CrashRounds; step++)
        {
            var name = await CrashWhileAppendingAsync(run, step, async (log, seen, isArmed) =>
            {
                var appends = Task.Run(async () =>
                {
                    for (var i = 0; i < 12 || (isArmed && i < 1000); i++)
                        await log.AppendBatchAsync(Batches.Numbered(1 + (i % 3), i));
                });
                for (var next = 0ul; !appends.IsCompleted;)
                {
                    await Task.Yield();
                    var range = await log.GetRangeAsync();
                    for (; next < range.NextOffset; next = seen[^1].First + (ulong)seen[^1].Batch.Count)
                    {
                        seen.Add((next, await log.ReadBatchAsync(next)));
                        run.Check.True(
                            seen[^1].Batch.Count > 0, $"reading offset {next} of {range}: expected at least one record, got none");
                    }
                }

                await appends;
            });
            await run.RemoveAsync(name);
        }
    }

    [Rule(
        "DUR-05",
        "If the last batch was being written and is cut off at any byte, the batches before it remain.",
        Why = "A crash leaves this.",
        Without = "After a power failure, the log does not open, or it opens with garbage at its end.",
        Needs = LogCapabilities.Reopen | LogCapabilities.Crash | LogCapabilities.Damage)]
    public static async Task DUR_05_cutting_the_last_batch_at_any_byte_leaves_the_batches_before_it(RuleRun run)
    {
        var batches = new[]
        {
            Batches.Of("first", "batch"),
            Batches.Of("second"),
            Batches.Of("the third, which", "is being written", "as it crashes"),
        };
        var whole = await StoreAndCrashAsync(run, batches[..2], "two");
        var end = await StoreAndCrashAsync(run, batches, "three");
        run.Check.True(
            whole < end, $"expected a third batch to take bytes, but GetStoredBytesAsync says {whole} before and {end} after it");
        var positions = Positions(run, whole, end).ToList();
        foreach (var length in positions)
        {
            var name = $"cut-{length}";
            run.History.Clear();
            run.Seed = $"of {end} bytes the first {length} are left, of which {length - whole} belong to the last batch";
            await StoreAndCrashAsync(run, batches, name);
            await run.CutAsync(length, name);
            var log = await run.OpenAsync(name);
            run.Check.Equal(new LogRange(0, 3), await log.GetRangeAsync(), "the range after the last batch was cut");
            await Steps.RequireAsync(run, log, [(0, batches[0]), (2, batches[1])], "before the batch that was cut");
            run.Check.Equal(
                3ul, await log.AppendBatchAsync(Batches.Of("instead")), "the offset of an append after the last batch was cut");
            log = await run.ReopenAsync(name);
            await Steps.RequireAsync(run, log, [(0, batches[0]), (2, batches[1]), (3, Batches.Of("instead"))], "after that, reopened");
            await run.RemoveAsync(name);
        }
    }

    [Rule(
        "DUR-06",
        "A flipped byte in acknowledged data causes an error, never wrong data and never silence.",
        Why = "Devices fail.",
        Without = "Wrong data spreads to all readers and backups.",
        Needs = LogCapabilities.Reopen | LogCapabilities.Damage)]
    public static async Task DUR_06_a_flipped_byte_causes_an_error_and_never_wrong_data_or_silence(RuleRun run)
    {
        var batches = new[] { Batches.Of("first", "batch"), Batches.Of("second"), Batches.Of("the third", "", "and last") };
        var expected = new List<(ulong First, RecordBatch Batch)> { (0, batches[0]), (2, batches[1]), (3, batches[2]) };
        await StoreAsync(run, batches, "whole");
        await run.CloseAsync("whole");
        var end = await run.GetStoredBytesAsync("whole");
        var isEverReported = false;
        foreach (var position in Positions(run, 0, end))
        {
            var name = $"flip-{position}";
            run.History.Clear();
            run.Seed = $"of {end} bytes the one at {position} is inverted";
            await StoreAsync(run, batches, name);
            await run.CloseAsync(name);
            await run.FlipByteAsync(position, name);
            var log = await TryOpenAsync(run, name);
            isEverReported |= log is null || await RequireOrErrorAsync(run, log, expected);
            await run.RemoveAsync(name);
        }

        run.Seed = null;
        run.Check.True(
            isEverReported,
            $"none of {end} bytes was reported as damaged after {run.Harness.GetType().Name}.{nameof(LogHarness.FlipByteAsync)} inverted "
                + "it: it has no effect, or the log repairs damage, which is a known deviation to declare");
    }

    /// <summary>Every stored byte, or evenly spaced ones if that would take too long.</summary>
    private static IEnumerable<long> Positions(RuleRun run, long start, long end)
    {
        var step = Math.Max(1, (end - start) / Math.Clamp(run.Harness.RaceRounds / 25, 10, 1000));
        for (var position = start; position < end; position += step)
            yield return position;
    }

    /// <summary>Crashes a log while it is in use, reopens it, and requires everything that was recorded by then.</summary>
    private static async Task<string> CrashWhileAppendingAsync(
        RuleRun run, int step, Func<ILog, List<(ulong First, RecordBatch Batch)>, bool, Task> work)
    {
        var name = $"step-{step}";
        run.History.Clear();
        run.Seed = $"the crash strikes step {step}";
        var noted = new List<(ulong First, RecordBatch Batch)>();
        var log = await run.OpenAsync(name);
        var isArmed = await run.CrashSoonAsync(step, name);
        var working = WorkAsync();
        if (isArmed)
        {
            run.Check.True(
                await run.Check.EndsAsync(working, "work on a log that crashes") || step > 0,
                $"{run.Harness.GetType().Name}.{nameof(LogHarness.CrashSoonAsync)} says that the log will crash in its next step, "
                    + "but it did not");
        }

        for (var i = 0; i < step && !working.IsCompleted; i++)
            await Task.Yield();
        await run.CrashAsync(name);
        await run.Check.EndsAsync(working, "work on a log that has crashed");

        log = await run.OpenAsync(name);
        await Steps.RequireAsync(run, log, noted, "after the crash");
        var next = (await log.GetRangeAsync()).NextOffset;
        run.Check.Equal(next, await log.AppendBatchAsync(Batches.Of("after the crash")), "the offset of an append after the crash");
        return name;

        // Returns whether the log crashed meanwhile.
        async Task<bool> WorkAsync()
        {
            try
            {
                await Task.Run(() => work(log, noted, isArmed));
                return false;
            }
            catch (Exception exception) when (exception is LogException or ObjectDisposedException or OperationCanceledException)
            {
                return true;
            }
        }
    }

    private static async Task StoreAsync(RuleRun run, RecordBatch[] batches, string name)
    {
        var log = await run.OpenAsync(name);
        foreach (var batch in batches)
            await log.AppendBatchAsync(batch);
    }

    /// <summary>The stored size of the batches.</summary>
    private static async Task<long> StoreAndCrashAsync(RuleRun run, RecordBatch[] batches, string name)
    {
        await StoreAsync(run, batches, name);
        await run.CrashAsync(name);
        return await run.GetStoredBytesAsync(name);
    }

    /// <summary>Opens a damaged log. Returns null if it refuses.</summary>
    private static async Task<ILog?> TryOpenAsync(RuleRun run, string name)
    {
        try
        {
            return await run.OpenAsync(name);
        }
        catch (Exception exception) when (exception is LogException or IOException or FormatException)
        {
            return null;
        }
    }

    /// <returns>Whether an error was reported.</returns>
    private static async Task<bool> RequireOrErrorAsync(RuleRun run, ILog log, List<(ulong First, RecordBatch Batch)> expected)
    {
        var isReported = false;
        foreach (var (first, batch) in expected)
        {
            try
            {
                run.Check.Same(
                    batch, await log.ReadBatchAsync(first), $"the batch at {first}, after a byte was inverted: an error would do");
            }
            catch (Exception exception) when (exception is LogException and not OffsetOutOfRangeException)
            {
                isReported = true;
            }
            catch (OffsetOutOfRangeException exception)
            {
                throw run.Check.Fail(
                    $"the batch at {first}, after a byte was inverted: expected it, or an error that says that it is damaged, got silence: "
                        + $"{exception.Message}",
                    exception);
            }
        }

        var next = expected[^1].First + (ulong)expected[^1].Batch.Count;
        run.Check.True(
            isReported || await log.GetRangeAsync() == new LogRange(0, next),
            $"after a byte was inverted, and no error reported: expected the range [0, {next}), got {await log.GetRangeAsync()}");
        return isReported;
    }
}
