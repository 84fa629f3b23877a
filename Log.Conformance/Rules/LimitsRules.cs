using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules LIMIT-xx: the largest batch and the largest offsets.</summary>
internal static class LimitsRules
{
    [Rule(
        "LIMIT-01",
        "The largest batch is accepted. One byte more fails with `BatchTooLargeException`, which carries both sizes, and nothing is "
            + "stored.",
        Why = "Both sides rely on the limit.",
        Without = "Batches that fit are refused, or one that does not fit breaks the log.",
        Needs = LogCapabilities.Limits)]
    public static async Task LIMIT_01_the_largest_batch_is_accepted_and_one_byte_more_is_refused(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var limit = run.Harness.BatchLimitBytes;
        var largest = Batches.OfSize(limit);
        check.Equal(0ul, await log.AppendBatchAsync(largest), $"the offset of a batch of {limit} bytes, which is the limit");
        check.Same(largest, await log.ReadBatchAsync(0), $"a batch of {limit} bytes");
        var next = (await log.GetRangeAsync()).NextOffset;
        foreach (var size in (int[])[limit + 1, limit + 1000])
        {
            var tooLarge = await check.ThrowsAsync<BatchTooLargeException>(
                () => log.AppendBatchAsync(Batches.OfSize(size)).AsTask(), $"appending {size} bytes where the limit is {limit}");
            check.Equal((size, limit), (tooLarge.SizeBytes, tooLarge.LimitBytes), "the size and the limit that the exception carries");
        }

        check.Equal(new LogRange(0, next), await log.GetRangeAsync(), "the range after batches over the limit were refused");
    }

    [Rule(
        "LIMIT-02",
        "Offsets beyond 2³¹ and 2³² work in every member.",
        Why = "A busy log reaches them in weeks.",
        Without = "The log fails late, and only in production.",
        Needs = LogCapabilities.SeededStart)]
    public static async Task LIMIT_02_offsets_beyond_31_and_32_bits_work_in_every_member(RuleRun run)
    {
        foreach (var start in (ulong[])[(1ul << 31) - 2, (1ul << 32) - 2, (1ul << 53) - 2])
        {
            var name = $"from-{start}";
            var (log, check) = (await run.OpenAtAsync(start, name), run.Check);
            check.Equal(new LogRange(start, start), await log.GetRangeAsync(), $"the range of a new log that starts at {start}");
            var wait = log.WaitForAppendAsync(start + 4).AsTask();
            await check.PendingAsync(wait, $"a wait for offset {start + 4} of a log that ends at {start}: expected it to be pending");
            var batch = Batches.Numbered(5);
            check.Equal(start, await log.AppendBatchAsync(batch), "the offset of the first append");
            await check.EndsAsync(wait, $"the wait for offset {start + 4}, which was appended");
            for (var i = 0; i < batch.Count; i++)
                check.Same(batch.From(i), await log.ReadBatchAsync(start + (ulong)i), $"the batch at {start}, from its record {i} on");
            check.Equal(
                start + 5,
                await log.AppendBatchAsync(Batches.Of("more"), expectedOffset: start + 5),
                "the offset of an append that expects it");
            foreach (var offset in (ulong[])[0, 4, start - 1, start + 6])
            {
                var exception = await check.ThrowsAsync<OffsetOutOfRangeException>(
                    () => log.ReadBatchAsync(offset).AsTask(), $"reading offset {offset}");
                check.Equal(new LogRange(start, start + 6), exception.Range, "the range that the exception carries");
            }

            await run.RemoveAsync(name);
        }
    }
}
