using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules RET-xx: what truncation removes, and what it keeps.</summary>
internal static class TruncationRules
{
    [Rule(
        "RET-01",
        "Truncated records are out of range, and the rest is unchanged.",
        Why = "Truncation is exact, even in the middle of a batch.",
        Without = "Deleted data can be read, or retained data is lost.",
        Needs = LogCapabilities.Truncate)]
    public static async Task RET_01_truncated_records_are_out_of_range_and_the_rest_is_unchanged(RuleRun run)
    {
        var (log, check) = (await run.OpenTruncatableAsync(), run.Check);
        var appends = await Steps.AppendAsync(log, 3, 4, 1, 5);
        foreach (var start in (ulong[])[2, 3, 5, 8])
        {
            await log.TruncateBeforeAsync(start);
            check.Equal(new LogRange(start, 13), await log.GetRangeAsync(), $"the range after truncation to {start}");
            for (var offset = 0ul; offset < 13; offset++)
            {
                if (offset < start)
                {
                    var exception = await check.ThrowsAsync<OffsetOutOfRangeException>(
                        () => log.ReadBatchAsync(offset).AsTask(), $"reading offset {offset} of a log truncated to {start}");
                    check.Equal(new LogRange(start, 13), exception.Range, "the range that the exception carries");
                    await check.ThrowsAsync<OffsetOutOfRangeException>(
                        () => log.ReadBatchesAsync(offset, 1000).AsTask(),
                        $"reading batches from offset {offset} on of a log truncated to {start}");
                }
                else
                {
                    var (first, batch) = appends.Last(append => append.First <= offset);
                    check.Same(
                        batch.From((int)(offset - first)),
                        await log.ReadBatchAsync(offset),
                        $"the batch from {offset} on, after truncation to {start}");
                }
            }
        }

        await check.EndsAsync(log.WaitForAppendAsync(0).AsTask(), "a wait for an offset that was truncated away");
    }

    [Rule(
        "RET-02",
        "Truncation never moves Next, even if everything is truncated.",
        Why = "Offsets are never reused.",
        Without = "Readers mistake new records for ones that they already have.",
        Needs = LogCapabilities.Truncate)]
    public static async Task RET_02_truncation_never_moves_the_next_offset(RuleRun run)
    {
        var (log, check) = (await run.OpenTruncatableAsync(), run.Check);
        var next = 0ul;
        for (var round = 0; round < 3; round++)
        {
            check.Equal(
                next,
                await log.AppendBatchAsync(Batches.Of("a", "b", "c")),
                $"the offset of an append after {round} truncations of everything");
            next += 3;
            await log.TruncateBeforeAsync(next - 1);
            check.Equal(new LogRange(next - 1, next), await log.GetRangeAsync(), "the range after truncation to the last record");
            await log.TruncateBeforeAsync(next);
            check.Equal(new LogRange(next, next), await log.GetRangeAsync(), "the range after truncation of everything");
        }
    }

    [Rule(
        "RET-03",
        "Truncating at or below Start does nothing; truncating beyond Next is out of range.",
        Why = "Retention jobs repeat and race.",
        Without = "Data reappears, or records are deleted before they are written.",
        Needs = LogCapabilities.Truncate)]
    public static async Task RET_03_truncating_at_or_below_the_start_does_nothing_and_beyond_the_end_fails(RuleRun run)
    {
        var (log, check) = (await run.OpenTruncatableAsync(), run.Check);
        await Steps.AppendAsync(log, 5, 5);
        await log.TruncateBeforeAsync(4);
        foreach (var offset in (ulong[])[0, 3, 4])
        {
            await log.TruncateBeforeAsync(offset);
            check.Equal(new LogRange(4, 10), await log.GetRangeAsync(), $"the range after truncation to {offset}, at or below the start");
        }

        foreach (var offset in (ulong[])[11, 1000, ulong.MaxValue])
        {
            var exception = await check.ThrowsAsync<OffsetOutOfRangeException>(
                () => log.TruncateBeforeAsync(offset).AsTask(), $"truncating [4, 10) to {offset}");
            check.Equal(
                (offset, new LogRange(4, 10)),
                (exception.Offset, exception.Range),
                "the offset and the range that the exception carries");
        }

        check.Equal(new LogRange(4, 10), await log.GetRangeAsync(), "the range after truncations beyond the end were refused");
    }

    [Rule(
        "RET-04",
        "Truncation survives reopening.",
        Why = "Deleted means deleted.",
        Without = "Data that had to be deleted reappears after a restart.",
        Needs = LogCapabilities.Truncate | LogCapabilities.Reopen)]
    public static async Task RET_04_truncation_survives_reopening(RuleRun run)
    {
        var check = run.Check;
        foreach (var start in (ulong[])[4, 6, 10])
        {
            var name = $"to-{start}";
            var log = await run.OpenTruncatableAsync(name);
            var appends = await Steps.AppendAsync(log, 3, 3, 4);
            await log.TruncateBeforeAsync(start);
            var reopened = await run.ReopenAsync(name);
            check.Equal(
                new LogRange(start, 10), await reopened.GetRangeAsync(), $"the range after truncation to {start} and reopening");
            await check.ThrowsAsync<OffsetOutOfRangeException>(
                () => reopened.ReadBatchAsync(start - 1).AsTask(),
                $"reading offset {start - 1}, which was truncated before the reopening");
            if (start < 10)
            {
                var (first, batch) = appends.Last(append => append.First <= start);
                check.Same(
                    batch.From((int)(start - first)),
                    await reopened.ReadBatchAsync(start),
                    $"the batch from {start} on, after reopening");
            }

            check.Equal(
                10ul, await reopened.AppendBatchAsync(Batches.Of("more")), "the offset of an append after truncation and reopening");
            await run.RemoveAsync(name);
        }
    }

    [Rule(
        "RET-05",
        "Truncation beside appends and reads loses nothing else: every acknowledged batch gets its own offsets, and every read returns the "
            + "right batch or fails.",
        Why = "Retention runs all the time.",
        Without = "A batch that was acknowledged during a truncation is lost, or a reader gets other records.",
        Needs = LogCapabilities.Truncate)]
    public static async Task RET_05_truncation_beside_appends_and_reads_loses_nothing_else(RuleRun run)
    {
        const int writers = 3;
        var (log, check) = (await run.OpenTruncatableAsync(), run.Check);
        var rounds = Math.Clamp(run.Harness.RaceRounds / 20, 40, 500);
        var (found, isOver) = (0, false);
        var appends = Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            var appended = new List<(ulong First, RecordBatch Batch)>();
            for (var i = 0; i < rounds || (Volatile.Read(ref found) < rounds && i < rounds + 1000); i++)
            {
                if (i >= rounds)
                    await Task.Delay(1); // the reader has not had its share yet
                var batch = Batches.Of($"{writer}/{i}", "x");
                appended.Add((await log.AppendBatchAsync(batch), batch));
            }

            return appended;
        })).ToList();
        var all = Task.WhenAll(appends);
        var truncations = Task.Run(async () =>
        {
            for (var i = 0ul; !IsOver(); i++)
            {
                var next = (await log.GetRangeAsync()).NextOffset;
                await log.TruncateBeforeAsync(next - Math.Min(next, i % 3 * 2)); // everything, or all but some batches
                await Task.Yield();
            }
        });
        var reads = Task.Run(async () =>
        {
            var read = new List<(ulong Offset, RecordBatch Batch)>();
            while (!IsOver())
            {
                var range = await log.GetRangeAsync();
                foreach (var offset in (ulong[])[range.StartOffset, range.NextOffset - Math.Min(range.NextOffset, 2)])
                {
                    try
                    {
                        if (read.Count < rounds * 10)
                            read.Add((offset, await log.ReadBatchAsync(offset)));
                        Volatile.Write(ref found, read.Count);
                    }
                    catch (OffsetOutOfRangeException)
                    {
                        // It was truncated meanwhile, or the log was empty.
                    }
                }

                await Task.Yield();
            }

            return read;
        });
        try
        {
            await check.EndsAsync(
                Task.WhenAll(all, truncations, reads), $"{writers} times {rounds} appends or more, beside truncations and reads");
        }
        finally
        {
            Volatile.Write(ref isOver, true);
        }

        var expected = new Dictionary<ulong, RecordBatch>();
        foreach (var (first, batch) in (await all).SelectMany(appended => appended))
            check.True(expected.TryAdd(first, batch), $"expected each batch to get an offset of its own, but two got {first}");
        check.Equal(
            2ul * (ulong)expected.Count,
            (await log.GetRangeAsync()).NextOffset,
            $"the next offset after {expected.Count} batches of two records, some of which were truncated");
        var content = (await LogContent.OfAsync(log)).Select(entry => (entry.First, entry.Batch));
        foreach (var (offset, batch) in (await reads).Concat(content))
        {
            var isFirst = expected.TryGetValue(offset, out var appended);
            check.True(
                isFirst || expected.TryGetValue(offset - 1, out appended), $"reading offset {offset}: no append was told this offset");
            check.Same(isFirst ? appended! : appended!.From(1), batch, $"the batch from {offset} on, read beside truncations");
        }

        bool IsOver() => all.IsCompleted || Volatile.Read(ref isOver);
    }
}
