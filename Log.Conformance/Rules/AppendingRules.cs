using System.Diagnostics;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules APPEND-xx: what an append returns, stores, and refuses.</summary>
internal static class AppendingRules
{
    [Rule(
        "APPEND-01",
        "The first append to an empty log returns 0.",
        Why = "Anyone can find the beginning without asking.",
        Without = "Readers that start at 0 miss records or fail.")]
    public static async Task APPEND_01_the_first_append_to_an_empty_log_returns_0(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        check.Equal(0ul, await log.AppendBatchAsync(Batches.Of("a", "b", "c")), "the offset of the first append");
    }

    [Rule(
        "APPEND-02",
        "An append returns the offset of its first record; record i of the batch is at that offset plus i.",
        Why = "One number tells the caller where each record is.",
        Without = "Stored references point to the wrong records.")]
    public static async Task APPEND_02_an_append_returns_the_offset_of_its_first_record(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        var batch = Batches.Of("c", "d", "e");
        var first = await log.AppendBatchAsync(batch);
        for (var i = 0; i < batch.Count; i++)
        {
            var read = await log.ReadBatchAsync(first + (ulong)i);
            check.Equal(batch[i].ToString(), read[0].ToString(), $"record {i} of the batch, at its offset {first} + {i}");
        }
    }

    [Rule(
        "APPEND-03",
        "Sequential appends are dense: the next offset is the previous one plus the number of records.",
        Why = "Offsets count records. A gap is indistinguishable from a loss.",
        Without = "Readers wait forever at an offset that never appears.")]
    public static async Task APPEND_03_sequential_appends_are_dense(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var next = 0ul;
        foreach (var count in (int[])[1, 3, 1, 100, 7, 1])
        {
            check.Equal(next, await log.AppendBatchAsync(Batches.Numbered(count)), $"the offset of an append after {next} records");
            next += (ulong)count;
        }
    }

    [Rule(
        "APPEND-04",
        "A read that begins after an append has completed sees it.",
        Why = "A caller that knows that a record is written tells others.",
        Without = "A caller cannot read what it has just written.")]
    public static async Task APPEND_04_a_read_that_begins_after_an_append_sees_it(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        for (var i = 0; i < 100; i++)
        {
            var batch = Batches.Of($"record {i}");
            var offset = await log.AppendBatchAsync(batch);
            check.Same(batch, await log.ReadBatchAsync(offset), $"the batch just appended at {offset}");
        }
    }

    [Rule(
        "APPEND-13",
        "A read by another client that begins after an append has completed sees it.",
        Why = "A caller that knows that a record is written tells others.",
        Without = "One client says \"I have just written it\", and another gets \"no such record\".",
        Needs = LogCapabilities.SecondClient)]
    public static async Task APPEND_13_a_read_by_another_client_after_an_append_sees_it(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var other = await run.OpenSecondClientAsync();
        for (var i = 0; i < 100; i++)
        {
            var batch = Batches.Of($"record {i}");
            var offset = await log.AppendBatchAsync(batch);
            check.Same(batch, await other.ReadBatchAsync(offset), $"the batch just appended at {offset}, read by another client");
        }
    }

    [Rule(
        "APPEND-05",
        "Values are returned byte for byte: empty, all byte values, one byte, the largest.",
        Why = "A log stores bytes and does not interpret them.",
        Without = "Empty records disappear, or a text encoding corrupts binary data.")]
    public static async Task APPEND_05_values_are_returned_byte_for_byte(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
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
            ("the largest batch", Batches.OfSize(run.Harness.BatchLimitBytes)),
        };
        var offset = 0ul;
        foreach (var (what, batch) in cases)
        {
            await log.AppendBatchAsync(batch);
            check.Same(batch, await log.ReadBatchAsync(offset), what);
            offset += (ulong)batch.Count;
        }
    }

    [Rule(
        "APPEND-06",
        "Equal batches are stored twice.",
        Why = "Two equal events are two events.",
        Without = "Counters miss events because of deduplication that nobody requested.")]
    public static async Task APPEND_06_equal_batches_are_stored_twice(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var batch = Batches.Of("same");
        check.Equal(0ul, await log.AppendBatchAsync(batch), "the offset of the first of two equal batches");
        check.Equal(1ul, await log.AppendBatchAsync(batch), "the offset of the second of two equal batches");
        check.Same(batch, await log.ReadBatchAsync(0), "the first");
        check.Same(batch, await log.ReadBatchAsync(1), "the second");
    }

    [Rule(
        "APPEND-07",
        "An empty batch is refused with `ArgumentException`, without effect.",
        Why = "It would have no offset of its own.",
        Without = "Two appends return the same offset.")]
    public static async Task APPEND_07_an_empty_batch_is_refused_without_effect(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        await check.ThrowsAsync<ArgumentException>(() => log.AppendBatchAsync(new RecordBatch()).AsTask(), "appending an empty batch");
        check.Equal(new LogRange(0, 1), await log.GetRangeAsync(), "the range after an empty batch was refused");
    }

    [Rule(
        "APPEND-08",
        "A refused append takes no offset, and the log stays usable.",
        Why = "A mistake of one caller must not affect others.",
        Without = "One bad client causes gaps for everyone, or stops the log.")]
    public static async Task APPEND_08_a_refused_append_takes_no_offset_and_the_log_stays_usable(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        await check.ThrowsAsync<ArgumentException>(() => log.AppendBatchAsync(new RecordBatch()).AsTask(), "appending an empty batch");
        await check.ThrowsAsync<OffsetMismatchException>(
            () => log.AppendBatchAsync(Batches.Of("x"), expectedOffset: 9).AsTask(), "appending with another expected offset");
        if (run.Harness.Capabilities.HasFlag(LogCapabilities.Limits))
        {
            await check.ThrowsAsync<BatchTooLargeException>(
                () => log.AppendBatchAsync(Batches.OfSize(run.Harness.BatchLimitBytes + 1)).AsTask(),
                "appending a batch one byte too large");
        }

        check.Equal(1ul, await log.AppendBatchAsync(Batches.Of("b")), "the offset of the append after refused ones");
        check.Same(Batches.Of("b"), await log.ReadBatchAsync(1), "the batch after refused ones");
    }

    [Rule(
        "APPEND-09",
        "An append whose `expectedOffset` is Next succeeds at that offset.",
        Why = "This makes it safe to retry after a lost response.",
        Without = "Safe retries are impossible.")]
    public static async Task APPEND_09_an_append_that_expects_the_next_offset_succeeds_there(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        check.Equal(0ul, await log.AppendBatchAsync(Batches.Of("a", "b"), expectedOffset: 0), "an append that expects 0 on an empty log");
        check.Equal(2ul, await log.AppendBatchAsync(Batches.Of("c"), expectedOffset: 2), "an append that expects 2 after two records");
        check.Same(Batches.Of("c"), await log.ReadBatchAsync(2), "what was appended");
    }

    [Rule(
        "APPEND-10",
        "Any other `expectedOffset` is refused with `OffsetMismatchException`, which carries both numbers, without effect.",
        Why = "A condition must hold for the append to succeed.",
        Without = "A retried append is stored twice; two leaders both win.")]
    public static async Task APPEND_10_an_append_that_expects_any_other_offset_fails_without_effect(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        foreach (var expected in (ulong[])[0, 1, 3, ulong.MaxValue])
        {
            // Also the batch that is at offset 0 already: an append is not answered with what an earlier one did.
            foreach (var batch in (RecordBatch[])[Batches.Of("x"), Batches.Of("a", "b")])
            {
                var mismatch = await check.ThrowsAsync<OffsetMismatchException>(
                    () => log.AppendBatchAsync(batch, expected).AsTask(), $"appending with expected offset {expected} where 2 is next");
                check.Equal(expected, mismatch.ExpectedOffset, "the exception's expected offset");
                check.Equal(2ul, mismatch.NextOffset, "the exception's next offset");
            }
        }

        check.Equal(new LogRange(0, 2), await log.GetRangeAsync(), "the range after mismatches");
    }

    [Rule(
        "APPEND-11",
        "Of concurrent appends with the same `expectedOffset`, exactly one succeeds.",
        Why = "Check and append are one atomic step.",
        Without = "Two compare-and-append calls succeed, which breaks locks and leases built on them.")]
    public static async Task APPEND_11_of_concurrent_appends_that_expect_the_same_offset_exactly_one_succeeds(RuleRun run)
    {
        const int enough = 500;
        var racers = Math.Clamp(Environment.ProcessorCount, 2, 4);
        var (log, check) = (await run.OpenAsync(), run.Check);
        var succeeded = new int[20 * enough];
        var (rounds, arrived, isOver, started) = (0, 0, false, Stopwatch.StartNew());

        // Each has a thread of its own and spins until all are there, because the window may be a few instructions long. A fast log, whose
        // window may be the shortest, runs more rounds.
        var racing = Enumerable.Range(0, racers).Select(racer => Task.Factory.StartNew(
            () => Race(racer), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        await check.EndsAsync(Task.WhenAll(racing), $"{racers} times {enough} concurrent appends or more");
        for (var round = 0; round < rounds; round++)
            check.Equal(1, succeeded[round], $"how many of {racers} concurrent appends that expect {round} succeeded");

        void Race(int racer)
        {
            try
            {
                for (var round = 0; Meet(round); round++)
                {
                    if (IsAppended(Batches.Of($"{round}/{racer}"), (ulong)round))
                        Interlocked.Increment(ref succeeded[round]);
                }
            }
            finally
            {
                Volatile.Write(ref isOver, true);
            }
        }

        // Returns once all have come to a round; false if there is none.
        bool Meet(int round)
        {
            if (Interlocked.Increment(ref arrived) == racers * (round + 1))
            {
                if (round == succeeded.Length || (round >= enough && started.ElapsedMilliseconds > 500))
                    Volatile.Write(ref isOver, true);
                else
                    Volatile.Write(ref rounds, round + 1);
            }

            for (var spin = default(SpinWait); Volatile.Read(ref rounds) <= round && !Volatile.Read(ref isOver);)
                spin.SpinOnce(sleep1Threshold: -1);
            return Volatile.Read(ref rounds) > round;
        }

        bool IsAppended(RecordBatch batch, ulong expected)
        {
            try
            {
                log.AppendBatchAsync(batch, expected).AsTask().GetAwaiter().GetResult();
                return true;
            }
            catch (OffsetMismatchException)
            {
                return false;
            }
        }
    }

    [Rule(
        "APPEND-12",
        "A log whose `AppendsInCallOrder` is true assigns offsets in the order of the calls.",
        Why = "The service then pipelines the batches of a stream.",
        Without = "The records of a stream are stored in a different order than they were sent.")]
    public static async Task APPEND_12_a_log_that_declares_it_assigns_offsets_in_call_order(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        if (!log.AppendsInCallOrder)
            throw new RuleSkippedException(
                "APPEND-12 is for a log whose AppendsInCallOrder is true, which this one's is not");
        var appends = new Task<ulong>[1000];
        for (var i = 0; i < appends.Length; i++)
            appends[i] = log.AppendBatchAsync(Batches.Of($"{i}")).AsTask();
        for (var i = 0; i < appends.Length; i++)
            check.Equal(
                (ulong)i,
                await check.EndsAsync(appends[i], $"append {i}"),
                $"the offset of append {i} of those begun one after the other");
    }
}
