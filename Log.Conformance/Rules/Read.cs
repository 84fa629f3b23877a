// The rules READ-xx: which records a read returns.

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("READ-01")]
    public Task READ_01_the_first_offset_of_a_batch_returns_the_whole_batch() => RuleAsync(async (log, check) =>
    {
        var batches = await AppendAsync(log, 3, 1, 5);
        foreach (var (first, batch) in batches)
            check.Same(batch, await log.ReadBatchAsync(first), $"the batch at {first}");
    });

    [Rule("READ-02")]
    public Task READ_02_an_offset_inside_a_batch_returns_exactly_that_offset_to_the_end() => RuleAsync(async (log, check) =>
    {
        foreach (var (first, batch) in await AppendAsync(log, 4, 7))
        {
            for (var i = 0; i < batch.Count; i++)
                check.Same(batch.From(i), await log.ReadBatchAsync(first + (ulong)i), $"the batch at {first}, from its record {i} on");
        }
    });

    [Rule("READ-03")]
    public Task READ_03_a_read_never_crosses_into_the_next_batch() => RuleAsync(async (log, check) =>
    {
        foreach (var (first, batch) in await AppendAsync(log, 2, 2, 2, 1, 1))
        {
            var last = first + (ulong)batch.Count - 1;
            check.Equal(1, (await log.ReadBatchAsync(last)).Count, $"the number of records read from the last of a batch, {last}");
        }
    });

    [Rule("READ-04")]
    public Task READ_04_a_read_returns_the_same_after_many_later_appends() => RuleAsync(async (log, check) =>
    {
        var batches = await AppendAsync(log, 3, 2);
        var large = Batches.OfSize(Math.Min(Harness.BatchLimitBytes, 256 * 1024));
        for (var round = 0; round < 12; round++)
        {
            await log.AppendBatchAsync(large);
            foreach (var (first, batch) in batches)
                check.Same(batch, await log.ReadBatchAsync(first), $"the batch at {first}, after {round + 1} large batches more");
        }
    });

    [Rule("READ-05")]
    public Task READ_05_walking_on_by_count_yields_every_record_once_and_in_order() => RuleAsync(async (log, check) =>
    {
        await AppendAsync(log, 1, 5, 2, 40, 1, 1, 9);
        var range = await log.GetRangeAsync();
        var seen = 0;
        for (var offset = range.StartOffset; offset < range.NextOffset;)
        {
            var batch = await log.ReadBatchAsync(offset);
            foreach (var record in batch)
                check.Equal($"record {seen}", record.ToString(), $"record {seen++} of the walk");
            check.True(batch.Count > 0, $"reading offset {offset} of {range}: expected at least one record, got none");
            offset += (ulong)batch.Count;
        }

        check.Equal(59, seen, "how many records the walk yields");
    });

    [Rule("READ-06")]
    public Task READ_06_reading_several_batches_returns_what_reading_them_one_by_one_does() => RuleAsync(async (log, check) =>
    {
        await AppendAsync(log, 3, 1, 5, 2, 1, 1);
        for (var offset = 0ul; offset < 13; offset++)
        {
            foreach (var limitBytes in (int[])[1, 50, int.MaxValue])
            {
                var next = offset;
                foreach (var batch in await log.ReadBatchesAsync(offset, limitBytes))
                {
                    check.Same(
                        await log.ReadBatchAsync(next),
                        batch,
                        $"the batch from {next} on, of those from {offset} on within {limitBytes} bytes");
                    next += (ulong)batch.Count;
                }
            }
        }
    });

    [Rule("READ-07")]
    public Task READ_07_reading_several_batches_keeps_to_its_limit_but_for_the_first() => RuleAsync(async (log, check) =>
    {
        var appended = await AppendAsync(log, 2, 2, 30, 1, 1);
        var sizes = appended.Select(append => append.Batch.SizeBytes).ToList();
        foreach (var limitBytes in (int[])[1, sizes[0], sizes[0] + sizes[1] - 1, sizes[0] + sizes[1], sizes[2] - 1, sizes.Sum() - 1])
        {
            foreach (var (first, _) in appended)
            {
                var batches = await log.ReadBatchesAsync(first, limitBytes);
                check.True(
                    batches.Count > 0,
                    $"reading batches from offset {first} on within {limitBytes} bytes: expected one at least, got none");
                check.True(
                    batches.Count == 1 || batches.Sum(batch => batch.SizeBytes) <= limitBytes,
                    $"reading batches from offset {first} on within {limitBytes} bytes: got {batches.Count} of "
                        + $"{batches.Sum(batch => batch.SizeBytes)} bytes");
            }
        }

        foreach (var limitBytes in (int[])[0, -1, int.MinValue])
            await check.ThrowsAsync<ArgumentOutOfRangeException>(
                () => log.ReadBatchesAsync(0, limitBytes).AsTask(), $"reading batches within {limitBytes} bytes");
    });

    /// <summary>Appends batches with given numbers of records, numbered consecutively.</summary>
    private static async Task<List<(ulong First, RecordBatch Batch)>> AppendAsync(ILog log, params int[] counts)
    {
        var appended = new List<(ulong First, RecordBatch Batch)>();
        var number = 0;
        foreach (var count in counts)
        {
            var batch = Batches.Numbered(count, number);
            appended.Add((await log.AppendBatchAsync(batch), batch));
            number += count;
        }

        return appended;
    }
}
