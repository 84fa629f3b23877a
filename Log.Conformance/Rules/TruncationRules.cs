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
        var (log, check) = (await OpenTruncatableAsync(run), run.Check);
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
        var (log, check) = (await OpenTruncatableAsync(run), run.Check);
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
        var (log, check) = (await OpenTruncatableAsync(run), run.Check);
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
            var log = await OpenTruncatableAsync(run, name);
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

    private static async Task<ITruncatableLog> OpenTruncatableAsync(Running.RuleRun run, string? suffix = null) =>
        await run.OpenAsync(suffix) as ITruncatableLog
        ?? throw run.Check.Fail(
            $"{run.Harness.GetType().Name} declares {LogCapabilities.Truncate}, but its log is no {nameof(ITruncatableLog)}");
}
