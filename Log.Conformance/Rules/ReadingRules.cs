using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules READ-xx: what a read returns.</summary>
internal static class ReadingRules
{
    [Rule(
        "READ-01",
        "A read at the first offset of a batch returns the whole batch.",
        Why = "Readers get what was appended, unchanged.",
        Without = "Reading splits batches, and readers make many more calls.")]
    public static async Task READ_01_a_read_at_the_first_offset_of_a_batch_returns_the_whole_batch(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var batches = await Steps.AppendAsync(log, 3, 1, 5);
        foreach (var (first, batch) in batches)
            check.Same(batch, await log.ReadBatchAsync(first), $"the batch at {first}");
    }

    [Rule(
        "READ-02",
        "A read at an offset inside a batch returns exactly the records from there to the end of the batch.",
        Why = "A reader resumes where it stopped.",
        Without = "Records are delivered twice or skipped after a restart.")]
    public static async Task READ_02_a_read_inside_a_batch_returns_the_records_from_there_to_its_end(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        foreach (var (first, batch) in await Steps.AppendAsync(log, 4, 7))
        {
            for (var i = 0; i < batch.Count; i++)
                check.Same(batch.From(i), await log.ReadBatchAsync(first + (ulong)i), $"the batch at {first}, from its record {i} on");
        }
    }

    [Rule(
        "READ-03",
        "A read never continues into the next batch.",
        Why = "A batch is the unit of atomicity, for readers, too.",
        Without = "Two transactions look like one.")]
    public static async Task READ_03_a_read_never_continues_into_the_next_batch(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        foreach (var (first, batch) in await Steps.AppendAsync(log, 2, 2, 2, 1, 1))
        {
            var last = first + (ulong)batch.Count - 1;
            check.Equal(1, (await log.ReadBatchAsync(last)).Count, $"the number of records read from the last of a batch, {last}");
        }
    }

    [Rule(
        "READ-04",
        "A read returns the same records after later appends and segment rolls.",
        Why = "Written data does not change.",
        Without = "Caches and recycled buffers return other records at old offsets.")]
    public static async Task READ_04_a_read_returns_the_same_records_after_many_later_appends(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var batches = await Steps.AppendAsync(log, 3, 2);
        var large = Batches.OfSize(Math.Min(run.Harness.BatchLimitBytes, 256 * 1024));
        for (var round = 0; round < 12; round++)
        {
            await log.AppendBatchAsync(large);
            foreach (var (first, batch) in batches)
                check.Same(batch, await log.ReadBatchAsync(first), $"the batch at {first}, after {round + 1} large batches more");
        }
    }

    [Rule(
        "READ-05",
        "Reading from Start, adding the count each time, yields every record once and in order.",
        Why = "This is how all data is read.",
        Without = "Consumers lose, duplicate, or reorder records.")]
    public static async Task READ_05_reading_on_by_the_count_yields_every_record_once_and_in_order(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await Steps.AppendAsync(log, 1, 5, 2, 40, 1, 1, 9);
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
    }

    [Rule(
        "READ-06",
        "`ReadBatchesAsync` returns the same as single reads: the records to the end of the batch, then whole batches.",
        Why = "It is the same read in fewer calls.",
        Without = "The streams of a server lose or split batches that single reads return.")]
    public static async Task READ_06_reading_several_batches_returns_the_same_as_single_reads(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await Steps.AppendAsync(log, 3, 1, 5, 2, 1, 1);
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
    }

    [Rule(
        "READ-07",
        "`ReadBatchesAsync` keeps to its limit but always returns the first batch. It refuses a limit that is not positive.",
        Why = "A reader states how much it can hold.",
        Without = "Slow readers exhaust the memory of a server, or a reader never gets past a large batch.")]
    public static async Task READ_07_reading_several_batches_keeps_to_its_limit_except_for_the_first(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var appended = await Steps.AppendAsync(log, 2, 2, 30, 1, 1);
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
    }

    [Rule(
        "READ-08",
        "A batch of any number of records and of any size is read back whole, from its first record and from one in its middle.",
        Why = "Counts and sizes are stored in fields of a certain width, and data in pages.",
        Without = "A batch of 65,536 records comes back empty; a batch that fills a page comes back damaged.")]
    public static async Task READ_08_a_batch_of_any_number_of_records_and_of_any_size_is_read_back_whole(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var limit = run.Harness.BatchLimitBytes;
        var batches = new List<RecordBatch>();
        foreach (var count in (int[])[127, 128, 255, 256, 257, 1000, 32_768, 65_535, 65_536, 70_000])
            batches.Add(new RecordBatch([.. Enumerable.Range(0, count).Select(i => new Record(new byte[i % 7 == 0 ? 1 : 0]))]));
        foreach (var kibibytes in (int[])[4, 8, 12, 16, 32, 60, 64, 128, 192, 256, 512, 1024])
        {
            foreach (var difference in (int[])[-1, 0, 1])
                batches.Add(Batches.OfSize((kibibytes * 1024) + difference));
        }

        var next = 0ul;
        foreach (var batch in batches.Where(batch => batch.SizeBytes <= limit))
        {
            var what = $"a batch of {batch.Count} records and {batch.SizeBytes} bytes";
            check.Equal(next, await log.AppendBatchAsync(batch), $"the offset of {what}");
            check.Same(batch, await log.ReadBatchAsync(next), what);
            var last = batch.Count - 1;
            check.Same(batch.From(last), await log.ReadBatchAsync(next + (ulong)last), $"the last record of {what}");
            next += (ulong)batch.Count;
            check.Equal(next, (await log.GetRangeAsync()).NextOffset, $"the next offset after {what}");
        }
    }

    [Rule(
        "READ-09",
        "A log of thousands of batches is read back as it was appended.",
        Why = "Indexes, caches, and files of a log are used only once it is long.",
        Without = "One batch in some hundreds is lost or replaced by another, which nobody sees until the log is replayed.")]
    public static async Task READ_09_a_long_log_is_read_back_as_it_was_appended(RuleRun run)
    {
        const int concurrent = 50;
        var (log, check) = (await run.OpenAsync(), run.Check);
        var expected = new SortedDictionary<ulong, RecordBatch>();
        for (var round = 0; round < Math.Clamp(run.Harness.RaceRounds / 50, 30, 100); round++)
        {
            var number = round * concurrent;
            var batches = Enumerable.Range(number, concurrent).Select(i => Batches.Numbered(1 + (i % 3), i * 10)).ToList();
            var offsets = await Task.WhenAll(batches.Select(batch => log.AppendBatchAsync(batch).AsTask()));
            foreach (var (offset, batch) in offsets.Zip(batches))
                check.True(expected.TryAdd(offset, batch), $"expected each append to get an offset of its own, but two got {offset}");
        }

        foreach (var limitBytes in (int[])[1, 4096]) // batch by batch, and several at once
        {
            var offset = 0ul;
            while (offset < (await log.GetRangeAsync()).NextOffset)
            {
                var batches = await log.ReadBatchesAsync(offset, limitBytes);
                check.True(batches.Sum(batch => batch.Count) > 0, $"reading at {offset} of a long log: expected a record, got none");
                foreach (var batch in batches)
                {
                    if (!expected.TryGetValue(offset, out var appended))
                        throw check.Fail($"reading a log of {expected.Count} batches: no batch was appended at offset {offset}");
                    check.Same(appended, batch, $"the batch at {offset} of a log of {expected.Count} batches");
                    offset += (ulong)batch.Count;
                }
            }

            check.Equal(expected.Last().Key + (ulong)expected.Last().Value.Count, offset, "the end of what was read");
        }
    }
}
