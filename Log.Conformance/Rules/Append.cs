// The rules APPEND-xx: what an append returns, stores, and refuses.

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("APPEND-01")]
    public Task APPEND_01_the_first_append_to_an_empty_log_returns_0() => RuleAsync(async (log, check) =>
    {
        check.Equal(0ul, await log.AppendBatchAsync(Batches.Of("a", "b", "c")), "the offset of the first append");
    });

    [Rule("APPEND-02")]
    public Task APPEND_02_an_append_returns_the_offset_of_its_first_record() => RuleAsync(async (log, check) =>
    {
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        var batch = Batches.Of("c", "d", "e");
        var first = await log.AppendBatchAsync(batch);
        for (var i = 0; i < batch.Count; i++)
        {
            var read = await log.ReadBatchAsync(first + (ulong)i);
            check.Equal(batch[i].ToString(), read[0].ToString(), $"record {i} of the batch, at its offset {first} + {i}");
        }
    });

    [Rule("APPEND-03")]
    public Task APPEND_03_sequential_appends_are_dense() => RuleAsync(async (log, check) =>
    {
        var next = 0ul;
        foreach (var count in (int[])[1, 3, 1, 100, 7, 1])
        {
            check.Equal(next, await log.AppendBatchAsync(Batches.Numbered(count)), $"the offset of an append after {next} records");
            next += (ulong)count;
        }
    });

    [Rule("APPEND-04")]
    public Task APPEND_04_a_read_that_begins_after_an_append_sees_it() => RuleAsync(async (log, check) =>
    {
        for (var i = 0; i < 100; i++)
        {
            var batch = Batches.Of($"record {i}");
            var offset = await log.AppendBatchAsync(batch);
            check.Same(batch, await log.ReadBatchAsync(offset), $"the batch just appended at {offset}");
        }
    });

    [Rule("APPEND-04", Needs = LogCapabilities.SecondClient)]
    public Task APPEND_04_another_client_that_reads_after_an_append_sees_it() => RuleAsync(async run =>
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var other = await run.OpenSecondClientAsync();
        for (var i = 0; i < 100; i++)
        {
            var batch = Batches.Of($"record {i}");
            var offset = await log.AppendBatchAsync(batch);
            check.Same(batch, await other.ReadBatchAsync(offset), $"the batch just appended at {offset}, read by another client");
        }
    });

    [Rule("APPEND-05")]
    public Task APPEND_05_values_come_back_byte_for_byte() => RuleAsync(async (log, check) =>
    {
        var everyByte = new byte[256];
        for (var i = 0; i < everyByte.Length; i++)
            everyByte[i] = (byte)i;
        var cases = new (string What, RecordBatch Batch)[]
        {
            ("an empty value", Batches.OfBytes([[]])),
            ("three empty values", Batches.OfBytes([], [], [])),
            ("empty values between others", Batches.OfBytes([1], [], [2], [])),
            ("a zero byte", Batches.OfBytes([0])),
            ("every byte value", Batches.OfBytes(everyByte)),
            ("lengths around a varint's boundary", Batches.OfBytes(new byte[127], new byte[128], new byte[16383], new byte[16384])),
            ("the largest batch", Batches.OfSize(Harness.BatchLimitBytes)),
        };
        var offset = 0ul;
        foreach (var (what, batch) in cases)
        {
            await log.AppendBatchAsync(batch);
            check.Same(batch, await log.ReadBatchAsync(offset), what);
            offset += (ulong)batch.Count;
        }
    });

    [Rule("APPEND-06")]
    public Task APPEND_06_equal_batches_are_stored_twice() => RuleAsync(async (log, check) =>
    {
        var batch = Batches.Of("same");
        check.Equal(0ul, await log.AppendBatchAsync(batch), "the offset of the first of two equal batches");
        check.Equal(1ul, await log.AppendBatchAsync(batch), "the offset of the second of two equal batches");
        check.Same(batch, await log.ReadBatchAsync(0), "the first");
        check.Same(batch, await log.ReadBatchAsync(1), "the second");
    });

    [Rule("APPEND-07")]
    public Task APPEND_07_an_empty_batch_is_refused_without_effect() => RuleAsync(async (log, check) =>
    {
        await log.AppendBatchAsync(Batches.Of("a"));
        await check.ThrowsAsync<ArgumentException>(() => log.AppendBatchAsync(new RecordBatch()).AsTask(), "appending an empty batch");
        check.Equal(new LogRange(0, 1), await log.GetRangeAsync(), "the range after an empty batch was refused");
    });

    [Rule("APPEND-08")]
    public Task APPEND_08_a_refused_append_takes_no_offset_and_the_log_stays_usable() => RuleAsync(async (log, check) =>
    {
        await log.AppendBatchAsync(Batches.Of("a"));
        await check.ThrowsAsync<ArgumentException>(() => log.AppendBatchAsync(new RecordBatch()).AsTask(), "appending an empty batch");
        await check.ThrowsAsync<OffsetMismatchException>(
            () => log.AppendBatchAsync(Batches.Of("x"), expectedOffset: 9).AsTask(), "appending with another expected offset");
        if (Harness.Capabilities.HasFlag(LogCapabilities.Limits))
        {
            await check.ThrowsAsync<BatchTooLargeException>(
                () => log.AppendBatchAsync(Batches.OfSize(Harness.BatchLimitBytes + 1)).AsTask(), "appending a batch one byte too large");
        }

        check.Equal(1ul, await log.AppendBatchAsync(Batches.Of("b")), "the offset of the append after refused ones");
        check.Same(Batches.Of("b"), await log.ReadBatchAsync(1), "the batch after refused ones");
    });

    [Rule("APPEND-09")]
    public Task APPEND_09_an_append_that_expects_the_next_offset_succeeds_there() => RuleAsync(async (log, check) =>
    {
        check.Equal(0ul, await log.AppendBatchAsync(Batches.Of("a", "b"), expectedOffset: 0), "an append that expects 0 on an empty log");
        check.Equal(2ul, await log.AppendBatchAsync(Batches.Of("c"), expectedOffset: 2), "an append that expects 2 after two records");
        check.Same(Batches.Of("c"), await log.ReadBatchAsync(2), "what was appended");
    });

    [Rule("APPEND-10")]
    public Task APPEND_10_an_append_that_expects_any_other_offset_fails_without_effect() => RuleAsync(async (log, check) =>
    {
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        foreach (var expected in (ulong[])[0, 1, 3, ulong.MaxValue])
        {
            var mismatch = await check.ThrowsAsync<OffsetMismatchException>(
                () => log.AppendBatchAsync(Batches.Of("x"), expected).AsTask(),
                $"appending with expected offset {expected} where 2 is next");
            check.Equal(expected, mismatch.ExpectedOffset, "the exception's expected offset");
            check.Equal(2ul, mismatch.NextOffset, "the exception's next offset");
        }

        check.Equal(new LogRange(0, 2), await log.GetRangeAsync(), "the range after mismatches");
    });

    [Rule("APPEND-11")]
    public Task APPEND_11_of_concurrent_appends_that_expect_one_offset_exactly_one_succeeds() => RuleAsync(async (log, check) =>
    {
        for (var round = 0ul; round < 20; round++)
        {
            var expected = round;
            var appends = Enumerable.Range(0, 16).Select(i => Task.Run(async () =>
            {
                try
                {
                    await log.AppendBatchAsync(Batches.Of($"{expected}/{i}"), expected);
                    return 1;
                }
                catch (OffsetMismatchException)
                {
                    return 0;
                }
            }));
            var succeeded = await check.EndsAsync(Task.WhenAll(appends), "16 concurrent appends");
            check.Equal(1, succeeded.Sum(), $"how many of 16 appends that expect {expected} succeeded");
        }
    });

    [Rule("APPEND-12")]
    public Task APPEND_12_a_log_that_says_so_takes_appends_in_the_order_of_the_calls() => RuleAsync(async (log, check) =>
    {
        if (!log.AppendsInCallOrder)
            throw new Xunit.RuleSkippedException(
                "APPEND-12 is for a log whose AppendsInCallOrder is true, which this one's is not");
        var appends = new Task<ulong>[1000];
        for (var i = 0; i < appends.Length; i++)
            appends[i] = log.AppendBatchAsync(Batches.Of($"{i}")).AsTask();
        for (var i = 0; i < appends.Length; i++)
            check.Equal(
                (ulong)i,
                await check.EndsAsync(appends[i], $"append {i}"),
                $"the offset of append {i} of those begun one after the other");
    });
}
