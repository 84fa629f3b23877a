using System.Diagnostics;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules BOUND-xx: the range, and reads outside it.</summary>
internal static class BoundsRules
{
    [Rule(
        "BOUND-01",
        "Reading Next fails with `OffsetOutOfRangeException`. It neither returns nothing nor blocks.",
        Why = "\"Not there yet\" is an answer; waiting is a separate call.",
        Without = "Readers spin on empty batches, or hang.")]
    public static async Task BOUND_01_reading_the_next_offset_is_out_of_range(RuleRun run)
    {
        run.AlsoBrokenBy = RuleViolation.NoAnswer; // neither returns nothing nor blocks
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        await check.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(2).AsTask(), "reading the next offset");
    }

    [Rule(
        "BOUND-02",
        "Reading any offset past the end, up to `ulong.MaxValue`, fails with `OffsetOutOfRangeException`, without overflow.",
        Why = "Offsets have 64 bits.",
        Without = "A wrong offset returns a wrong record instead of an error.")]
    public static async Task BOUND_02_reading_the_largest_offset_is_out_of_range(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        foreach (var offset in (ulong[])[ulong.MaxValue, ulong.MaxValue - 1, 1ul << 63, (1ul << 32) + 0, 1ul << 31])
            await check.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(offset).AsTask(), $"reading offset {offset}");
    }

    [Rule(
        "BOUND-03",
        "Reading offset 0 of an empty log fails with `OffsetOutOfRangeException`.",
        Why = "An empty log is not a special case.",
        Without = "The first reader of a new log fails in an unexpected way.")]
    public static async Task BOUND_03_reading_an_empty_log_is_out_of_range(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await check.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(0).AsTask(), "reading offset 0 of an empty log");
    }

    [Rule(
        "BOUND-04",
        "The exception carries the offset and the range of the log.",
        Why = "Readers use it to decide whether to wait or to skip ahead.",
        Without = "Readers do not know where to continue.")]
    public static async Task BOUND_04_the_out_of_range_exception_carries_the_offset_and_the_range(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
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
    }

    [Rule(
        "BOUND-08",
        "The range that the exception carries was true at some moment during the call.",
        Why = "Readers use it to decide whether to wait or to skip ahead.",
        Without = "Readers jump to offsets that never existed.")]
    public static async Task BOUND_08_the_range_in_the_exception_was_true_during_the_call(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        for (var i = 0; i < Math.Max(20, run.Harness.RaceRounds / 50); i++)
        {
            var isInParallel = i % 2 == 0; // otherwise it has certainly begun
            var append = isInParallel ? Task.Run(AppendAsync) : AppendAsync();
            var before = await log.GetRangeAsync();
            var exception = await check.ThrowsAsync<OffsetOutOfRangeException>(
                () => log.ReadBatchAsync(1ul << 40).AsTask(), "reading far past the end");
            var after = await log.GetRangeAsync();
            check.True(
                before.NextOffset <= exception.Range.NextOffset && exception.Range.NextOffset <= after.NextOffset,
                $"the exception's range: expected one between {before} before the call and {after} after it, got {exception.Range}");
            await append;
        }

        Task AppendAsync() => log.AppendBatchAsync(Batches.Of("x")).AsTask();
    }

    [Rule(
        "BOUND-05",
        "The range of an empty log is [0, 0).",
        Why = "Readers must be able to detect an empty log.",
        Without = "Readers look for a record that does not exist.")]
    public static async Task BOUND_05_the_range_of_an_empty_log_is_0_to_0(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        check.Equal(new LogRange(0, 0), await log.GetRangeAsync(), "the range of an empty log");
    }

    [Rule(
        "BOUND-06",
        "The range after appends is exact.",
        Why = "Readers and monitoring rely on it.",
        Without = "Lag is computed incorrectly; readers stop early.")]
    public static async Task BOUND_06_the_range_after_appends_is_exact(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var next = 0ul;
        foreach (var count in (int[])[1, 4, 2, 30])
        {
            await log.AppendBatchAsync(Batches.Numbered(count));
            next += (ulong)count;
            check.Equal(new LogRange(0, next), await log.GetRangeAsync(), $"the range after {next} records");
        }
    }

    [Rule(
        "BOUND-07",
        "`ReadBatchesAsync` at an offset outside the range fails with `OffsetOutOfRangeException`. It neither returns nothing "
            + "nor blocks.",
        Why = "It is a read like any other.",
        Without = "Streams spin, or hang.")]
    public static async Task BOUND_07_reading_batches_outside_the_range_is_out_of_range(RuleRun run)
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
    }

    [Rule(
        "BOUND-09",
        "The two ends of a range were true at the same moment.",
        Why = "Readers compute positions and counts from both.",
        Without = "A log of one record seems to hold thousands; a reader takes a start for the end.",
        Needs = LogCapabilities.Truncate)]
    public static async Task BOUND_09_the_two_ends_of_a_range_were_true_at_the_same_moment(RuleRun run)
    {
        var (log, check) = (await run.OpenTruncatableAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("x"));
        var isOver = false;

        // The log has one record, or two for a moment, at any time.
        var changes = Task.Run(async () =>
        {
            for (var next = 2ul; !Volatile.Read(ref isOver); next++)
            {
                await log.AppendBatchAsync(Batches.Of("x"));
                await log.TruncateBeforeAsync(next - 1);
            }
        });
        try
        {
            var reads = Math.Clamp(run.Harness.RaceRounds, 3000, 10_000);
            var (seen, last) = (0, default(LogRange)); // changes between two reads show that reads and changes took turns
            var started = Stopwatch.StartNew();
            for (var i = 0; !changes.IsCompleted; i++)
            {
                var range = i % 5 == 0
                    ? (await check.ThrowsAsync<OffsetOutOfRangeException>(
                        () => log.ReadBatchAsync(ulong.MaxValue).AsTask(), "reading the largest offset")).Range
                    : await log.GetRangeAsync();
                check.True(
                    range.NextOffset - range.StartOffset is 1 or 2,
                    $"the range of a log that has one or two records all the time: expected one or two, got {range}");
                (seen, last) = (range == last ? seen : seen + 1, range);
                if (i >= reads && ((seen >= 200 && started.ElapsedMilliseconds >= 50) || i >= reads * 20))
                    break;
                if (i % 8 == 0)
                    await Task.Yield();
            }
        }
        finally
        {
            Volatile.Write(ref isOver, true);
        }

        await check.EndsAsync(changes, "appends and truncations beside reads of the range");
    }
}
