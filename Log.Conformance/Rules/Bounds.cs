// The rules BOUND-xx: the start and end of a log.

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("BOUND-01")]
    public Task BOUND_01_reading_the_next_offset_is_out_of_range() => RuleAsync(async run =>
    {
        run.AlsoBrokenBy = RuleViolation.NoAnswer; // neither returns nothing nor blocks
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        await check.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(2).AsTask(), "reading the next offset");
    });

    [Rule("BOUND-02")]
    public Task BOUND_02_reading_the_largest_offset_is_out_of_range() => RuleAsync(async (log, check) =>
    {
        await log.AppendBatchAsync(Batches.Of("a"));
        foreach (var offset in (ulong[])[ulong.MaxValue, ulong.MaxValue - 1, 1ul << 63, (1ul << 32) + 0, 1ul << 31])
            await check.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(offset).AsTask(), $"reading offset {offset}");
    });

    [Rule("BOUND-03")]
    public Task BOUND_03_reading_an_empty_log_is_out_of_range() => RuleAsync(async (log, check) =>
    {
        await check.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(0).AsTask(), "reading offset 0 of an empty log");
    });

    [Rule("BOUND-04")]
    public Task BOUND_04_the_exception_carries_the_offset_and_the_range() => RuleAsync(async (log, check) =>
    {
        for (var count = 1ul; count <= 3; count++)
        {
            await log.AppendBatchAsync(Batches.Of("a"));
            foreach (var offset in (ulong[])[count, 7, ulong.MaxValue])
            {
                var exception = await check.ThrowsAsync<OffsetOutOfRangeException>(
                    () => log.ReadBatchAsync(offset).AsTask(), $"reading offset {offset} of [0, {count})");
                check.Equal(offset, exception.Offset, "the exception's offset");
                check.Equal(new LogRange(0, count), exception.Range, "the exception's range");
            }
        }
    });

    [Rule("BOUND-04")]
    public Task BOUND_04_the_range_that_the_exception_carries_was_true_during_the_call() => RuleAsync(async (log, check) =>
    {
        var appends = Task.Run(async () =>
        {
            for (var i = 0; i < Math.Max(20, Harness.RaceRounds / 50); i++)
                await log.AppendBatchAsync(Batches.Of("x"));
        });
        while (!appends.IsCompleted)
        {
            await Task.Yield();
            var before = await log.GetRangeAsync();
            var exception = await check.ThrowsAsync<OffsetOutOfRangeException>(
                () => log.ReadBatchAsync(1ul << 40).AsTask(), "reading far past the end");
            var after = await log.GetRangeAsync();
            check.True(
                before.NextOffset <= exception.Range.NextOffset && exception.Range.NextOffset <= after.NextOffset,
                $"the exception's range: expected one between {before} before the call and {after} after it, "
                    + $"got {exception.Range}");
        }

        await appends;
    });

    [Rule("BOUND-05")]
    public Task BOUND_05_the_range_of_an_empty_log_is_0_to_0() => RuleAsync(async (log, check) =>
    {
        check.Equal(new LogRange(0, 0), await log.GetRangeAsync(), "the range of an empty log");
    });

    [Rule("BOUND-06")]
    public Task BOUND_06_the_range_after_appends_is_exact() => RuleAsync(async (log, check) =>
    {
        var next = 0ul;
        foreach (var count in (int[])[1, 4, 2, 30])
        {
            await log.AppendBatchAsync(Batches.Numbered(count));
            next += (ulong)count;
            check.Equal(new LogRange(0, next), await log.GetRangeAsync(), $"the range after {next} records");
        }
    });

    [Rule("BOUND-07")]
    public Task BOUND_07_reading_batches_from_outside_the_range_is_out_of_range() =>
        RuleAsync(async run =>
        {
            run.AlsoBrokenBy = RuleViolation.NoAnswer; // neither returns nothing nor blocks
            var (log, check) = (await run.OpenAsync(), run.Check);
            for (var next = 0ul; next <= 4; next += 2)
            {
                foreach (var offset in (ulong[])[next, next + 1, 1ul << 32, 1ul << 63, ulong.MaxValue])
                {
                    var exception = await check.ThrowsAsync<OffsetOutOfRangeException>(
                        () => log.ReadBatchesAsync(offset, 1000).AsTask(), $"reading batches from offset {offset} on of [0, {next})");
                    check.Equal(
                        (offset, new LogRange(0, next)),
                        (exception.Offset, exception.Range),
                        "the offset and the range that the exception carries");
                }

                await log.AppendBatchAsync(Batches.Numbered(2, first: (int)next));
            }
        });
}
