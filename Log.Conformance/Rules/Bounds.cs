// The rules BOUND-xx: where a log begins and ends.

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("BOUND-01")]
    public async Task BOUND_01_reading_the_next_offset_is_out_of_range()
    {
        var (log, check) = await StartAsync();
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        await check.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(2).AsTask(), "reading the next offset");
    }

    [Rule("BOUND-02")]
    public async Task BOUND_02_reading_the_largest_offset_is_out_of_range()
    {
        var (log, check) = await StartAsync();
        await log.AppendBatchAsync(Batches.Of("a"));
        foreach (var offset in (ulong[])[ulong.MaxValue, ulong.MaxValue - 1, 1ul << 63, (1ul << 32) + 0, 1ul << 31])
            await check.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(offset).AsTask(), $"reading offset {offset}");
    }

    [Rule("BOUND-03")]
    public async Task BOUND_03_reading_an_empty_log_is_out_of_range()
    {
        var (log, check) = await StartAsync();
        await check.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(0).AsTask(), "reading offset 0 of an empty log");
    }

    [Rule("BOUND-04")]
    public async Task BOUND_04_the_exception_carries_the_offset_and_the_range()
    {
        var (log, check) = await StartAsync();
        await log.AppendBatchAsync(Batches.Of("a", "b", "c"));
        var exception = await check.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(7).AsTask(), "reading past the end");
        check.Equal(7ul, exception.Offset, "the exception's offset");
        check.Equal(new LogRange(0, 3), exception.Range, "the exception's range");
    }

    [Rule("BOUND-05")]
    public async Task BOUND_05_the_range_of_an_empty_log_is_0_to_0()
    {
        var (log, check) = await StartAsync();
        check.Equal(new LogRange(0, 0), await log.GetRangeAsync(), "the range of an empty log");
    }

    [Rule("BOUND-06")]
    public async Task BOUND_06_the_range_after_appends_is_exact()
    {
        var (log, check) = await StartAsync();
        var next = 0ul;
        foreach (var count in (int[])[1, 4, 2, 30])
        {
            await log.AppendBatchAsync(Batches.Numbered(count));
            next += (ulong)count;
            check.Equal(new LogRange(0, next), await log.GetRangeAsync(), $"the range after {next} records");
        }
    }
}
