using LogKit.Disk;
using LogKit.Disk.Format;
using LogKit.Disk.Storage;
using LogKit.Tests.Disk.Simulation;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// Retention by size and by age deletes whole segments, oldest first, never too early, and permanently. Reads of deleted records report it.
/// </summary>
public sealed class RetentionTests : IDisposable
{
    private const int SegmentBytes = 64 * 1024;
    private static readonly TimeSpan AgeLimit = TimeSpan.FromHours(1);

    private readonly TestDirectory _directory = new();
    private readonly ManualClock _clock = new();
    private readonly DiskLogOptions _keepAll;
    private readonly DiskLogOptions _byAge;

    public RetentionTests()
    {
        _keepAll = new DiskLogOptions { SegmentLimitBytes = SegmentBytes, Background = work => work(), Clock = _clock };
        _byAge = _keepAll with { RetentionLimitMs = (long)AgeLimit.TotalMilliseconds };
    }

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public async Task Retention_by_size_keeps_the_files_within_the_limit(int segments)
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var limit = segments * SegmentBytes;
        var highest = 0L;
        var disk = new SimulatedDisk();
        disk.Fault = (_, _) =>
        {
            highest = Math.Max(highest, SizeOf(disk));
            return null;
        };
        await using var log = Open(disk, _keepAll with { RetentionLimitBytes = limit });
        for (var i = 0; i < 200; i++)
        {
            await log.AppendBatchAsync(RecordBatch.OfText(Text(i, random.Next(20_000))));
            highest = Math.Max(highest, SizeOf(disk));
            Assert.True(highest <= limit, $"seed {seed}: {highest} bytes after append {i}, the limit is {limit}\n{disk.Trace}");
        }

        Assert.True(highest > limit - (2 * SegmentBytes), $"seed {seed}: never more than {highest} bytes of {limit}");
        var range = await log.GetRangeAsync();
        Assert.Equal(200ul, range.NextOffset);
        await AssertHoldsAsync(log, range.StartOffset, 200);
    }

    [Fact]
    public async Task Retention_by_size_deletes_the_oldest_segments_and_no_more_than_necessary()
    {
        var disk = new SimulatedDisk();
        await using var log = Open(disk, _keepAll with { RetentionLimitBytes = 5 * SegmentBytes });
        for (var i = 0; i < 40; i++)
        {
            await log.AppendBatchAsync(RecordBatch.OfText(Text(i, 30_000))); // two records fill a segment
            var first = Math.Max(0, (i / 2) - 4) * 2;
            Assert.Equal(new LogRange((ulong)first, (ulong)i + 1), await log.GetRangeAsync());
            await AssertHoldsAsync(log, (ulong)first, i + 1);
        }
    }

    [Fact]
    public async Task Retention_by_size_keeps_the_last_segment_whatever_its_size()
    {
        var disk = new SimulatedDisk();
        await using var log = Open(disk, _keepAll with { RetentionLimitBytes = 2 * SegmentBytes });
        for (var i = 0; i < 5; i++)
        {
            await log.AppendBatchAsync(RecordBatch.OfText(Text(i, 300_000)));
            await AssertHoldsAsync(log, (ulong)i, i + 1);
        }
    }

    [Fact]
    public async Task A_lower_limit_takes_effect_when_the_log_is_opened()
    {
        await using (var log = DiskLog.Open(_directory.Path, _keepAll))
            await AppendAsync(log, 0, 20);
        await using (var log = DiskLog.Open(_directory.Path, _keepAll with { RetentionLimitBytes = 3 * SegmentBytes }))
        {
            Assert.Equal(new LogRange(0, 20), log.Recovery.Range);
            await AssertHoldsAsync(log, 14, 20);
        }

        Assert.Equal(3, Directory.GetFiles(_directory.Path, "*.log").Length);
        await using var reopened = DiskLog.Open(_directory.Path, _keepAll);
        Assert.Equal(new LogRange(14, 20), reopened.Recovery.Range);
        await AssertHoldsAsync(reopened, 14, 20);
    }

    [Fact]
    public async Task Deleted_segments_do_not_come_back_after_a_power_loss()
    {
        var seed = TestSeed.Next();
        var disk = new SimulatedDisk();
        await using var log = Open(disk, _keepAll with { RetentionLimitBytes = 2 * SegmentBytes });
        for (var i = 0; i < 12; i++)
        {
            await log.AppendBatchAsync(RecordBatch.OfText(Text(i, 30_000)));
            var range = await log.GetRangeAsync();
            for (var image = 0; image < 5; image++)
            {
                await using var recovered = Open(disk.AfterPowerLoss(new Random(TestSeed.Mix(seed, i, image))), _keepAll);
                Assert.True(
                    range == recovered.Recovery.Range,
                    $"seed {seed}: {range} was {recovered.Recovery.Range} after a power loss\n{disk.Trace}");
                await AssertHoldsAsync(recovered, range.StartOffset, i + 1);
            }
        }
    }

    [Fact]
    public async Task Retention_by_age_deletes_a_segment_once_the_next_one_is_older_than_the_limit()
    {
        await using var log = Open(new SimulatedDisk(), _byAge);
        await AppendAsync(log, 0, 2);
        _clock.Advance(TimeSpan.FromMinutes(10));
        await AppendAsync(log, 2, 3); // starts the second segment, ten minutes later
        _clock.Advance(TimeSpan.FromMinutes(59));
        await AssertHoldsAsync(log, 0, 3);
        _clock.Advance(TimeSpan.FromMinutes(1));
        await AssertHoldsAsync(log, 2, 3);
    }

    [Fact]
    public async Task Retention_by_age_rolls_the_last_segment_of_an_idle_log_and_deletes_it_one_limit_later()
    {
        var disk = new SimulatedDisk();
        await using var log = Open(disk, _byAge);
        await AppendAsync(log, 0, 1);
        _clock.Advance(AgeLimit - TimeSpan.FromMinutes(1));
        Assert.Single(SegmentsOf(disk));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal([0ul, 1ul], SegmentsOf(disk));
        await AssertHoldsAsync(log, 0, 1);
        _clock.Advance(AgeLimit - TimeSpan.FromMinutes(1));
        await AssertHoldsAsync(log, 0, 1);
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(new LogRange(1, 1), await log.GetRangeAsync());

        var operations = disk.OperationCount;
        _clock.Advance(10 * AgeLimit);
        Assert.Equal([1ul], SegmentsOf(disk));
        Assert.Equal(operations, disk.OperationCount); // an empty log is not touched
        Assert.Equal(1ul, await log.AppendBatchAsync(RecordBatch.OfText(Text(1, 10))));
        await AssertHoldsAsync(log, 1, 2);
    }

    [Fact]
    public async Task Retention_by_age_deletes_nothing_early_and_keeps_nothing_much_longer_than_twice_the_limit()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var disk = new SimulatedDisk();
        var appended = new List<DateTimeOffset>();
        var log = Open(disk, _byAge);
        for (var step = 0; step < 400; step++)
        {
            switch (random.Next(8))
            {
                case 0:
                    await log.DisposeAsync();
                    log = Open(disk, _byAge);
                    break;
                case < 4:
                    _clock.Advance(TimeSpan.FromSeconds(random.Next(1200)));
                    break;
                default:
                    appended.Add(_clock.GetUtcNow());
                    await log.AppendBatchAsync(RecordBatch.OfText(Text(appended.Count - 1, random.Next(30_000))));
                    break;
            }

            var range = await log.GetRangeAsync();
            var ages = appended.Select(time => _clock.GetUtcNow() - time).ToList();
            Assert.True(
                ages.Take((int)range.StartOffset).All(age => age >= AgeLimit),
                $"seed {seed}, step {step}: something younger than the limit is gone");
            Assert.True(
                ages.Skip((int)range.StartOffset).All(age => age <= (2 * AgeLimit) + TimeSpan.FromMinutes(2)),
                $"seed {seed}, step {step}: something is left that is older than twice the limit");
        }

        Assert.NotEqual(0ul, (await log.GetRangeAsync()).StartOffset);
        await AssertHoldsAsync(log, (await log.GetRangeAsync()).StartOffset, appended.Count);
        await log.DisposeAsync();
    }

    [Fact]
    public async Task Retention_by_age_deletes_at_the_opening_what_expired_while_the_log_was_closed()
    {
        var disk = new SimulatedDisk();
        await using (var log = Open(disk, _byAge))
            await AppendAsync(log, 0, 5);
        _clock.Advance(AgeLimit);
        await using (var log = Open(disk, _byAge))
        {
            Assert.Equal(new LogRange(0, 5), log.Recovery.Range);
            await AssertHoldsAsync(log, 4, 5); // the last segment is rolled, but not deleted
            await AppendAsync(log, 5, 6);
        }

        _clock.Advance(AgeLimit);
        await using var reopened = Open(disk, _byAge);
        await AssertHoldsAsync(reopened, 5, 6);
    }

    [Fact]
    public async Task Retention_by_age_keeps_segments_without_a_time_until_a_later_one_proves_them_old()
    {
        foreach (var path in Directory.GetFiles(Repository.PathOf("Log.Tests/Disk/golden/v1"))) // without an origin, holding [5, 8)
            File.Copy(path, _directory[Path.GetFileName(path)]);
        await using var log = DiskLog.Open(_directory.Path, _byAge);
        _clock.Advance(100 * AgeLimit);
        Assert.Equal(["five", "", "seven ünïcode"], await log.ReadAllTextAsync());

        await log.AppendBatchAsync(RecordBatch.OfText(Text(8, 40_000)));
        await log.AppendBatchAsync(RecordBatch.OfText(Text(9, 40_000))); // starts a segment, which records its time
        _clock.Advance(AgeLimit - TimeSpan.FromMinutes(1));
        Assert.Equal(new LogRange(5, 10), await log.GetRangeAsync());
        _clock.Advance(TimeSpan.FromMinutes(1));
        await AssertHoldsAsync(log, 9, 10);
    }

    [Fact]
    public async Task A_reader_inside_a_deleted_segment_learns_where_the_log_begins()
    {
        await using var log = DiskLog.Open(_directory.Path, _keepAll with { RetentionLimitBytes = 2 * SegmentBytes });
        await AppendAsync(log, 0, 2);
        Assert.Equal(Text(0, 30_000), (await log.ReadBatchAsync(0))[0].ToString());
        await AppendAsync(log, 2, 7);
        var truncated = await Assert.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(1).AsTask());
        Assert.True(truncated.IsTruncated);
        Assert.Equal(1ul, truncated.Offset);
        Assert.Equal(new LogRange(4, 7), truncated.Range);
    }

    [Fact]
    public async Task Reads_during_retention_succeed_or_report_the_truncation()
    {
        var seed = TestSeed.Next();
        await using var log = DiskLog.Open(
            _directory.Path,
            new DiskLogOptions
            {
                SegmentLimitBytes = SegmentBytes,
                RetentionLimitBytes = 4 * SegmentBytes,
                FlushMode = FlushMode.Never,
            });
        await log.AppendBatchAsync(RecordBatch.OfText(Text(0, 20_000)));
        var appends = Task.Run(async () =>
        {
            for (var i = 1; i < 300; i++)
                await log.AppendBatchAsync(RecordBatch.OfText(Text(i, 20_000)));
        });
        var truncated = 0;
        var readers = Enumerable
            .Range(0, 3)
            .Select(reader =>
                Task.Run(async () =>
                {
                    var random = new Random(TestSeed.Mix(seed, reader));
                    while (!appends.IsCompleted)
                    {
                        var range = await log.GetRangeAsync();
                        var offset = range.StartOffset + (ulong)random.Next((int)range.Count);
                        try
                        {
                            Assert.Equal(Text((int)offset, 20_000), (await log.ReadBatchAsync(offset))[0].ToString());
                        }
                        catch (OffsetOutOfRangeException exception)
                        {
                            Assert.True(
                                exception.IsTruncated && exception.Range.StartOffset > range.StartOffset,
                                $"seed {seed}: {exception.Message}");
                            Interlocked.Increment(ref truncated);
                        }
                    }
                }))
            .ToList();
        await appends.Within("300 appends");
        await Task.WhenAll(readers).Within("the readers");
        Assert.True((await log.GetRangeAsync()).StartOffset > 250);
    }

    [Fact]
    public async Task A_full_disk_delays_retention_and_refuses_no_append()
    {
        var disk = new SimulatedDisk();
        await using var log = Open(disk, _keepAll with { RetentionLimitBytes = 2 * SegmentBytes });
        var isFull = true;
        disk.Fault = (_, kind) =>
            isFull && kind == OperationKind.Create && disk.Trace.EndsWith($"create {StartFile.TemporaryName}", StringComparison.Ordinal)
                ? new StorageFullException("no space left on device")
                : null;
        await AppendAsync(log, 0, 10);
        await AssertHoldsAsync(log, 0, 10);
        isFull = false;
        await AppendAsync(log, 10, 11); // starts a segment
        await AssertHoldsAsync(log, 8, 11);
    }

    [Fact]
    public async Task A_seal_that_fails_during_retention_ends_appends_but_neither_the_opening_nor_reads()
    {
        var disk = new SimulatedDisk();
        await using (var written = Open(disk, _byAge))
            await AppendAsync(written, 0, 1);
        _clock.Advance(AgeLimit);
        await using var log = Open(disk, _byAge with { Background = FailingToFlush }); // rolls the last segment
        var refused = await Assert.ThrowsAsync<LogReadOnlyException>(() => log.AppendBatchAsync(RecordBatch.OfText("refused")).AsTask());
        Assert.Equal("a device that fails", refused.InnerException?.Message);
        _clock.Advance(2 * AgeLimit);
        await AssertHoldsAsync(log, 0, 1);

        void FailingToFlush(Action work)
        {
            disk.Fault = (_, kind) => kind == OperationKind.Flush ? new IOException("a device that fails") : null;
            work();
            disk.Fault = (_, _) => null;
        }
    }

    public static TheoryData<string, long, long?, long?> WrongOptions => new()
    {
        { nameof(DiskLogOptions.RetentionLimitBytes), SegmentBytes, (2 * SegmentBytes) - 1, null },
        { nameof(DiskLogOptions.RetentionLimitBytes), 1024 * 1024, 2 * SegmentBytes, null },
        { nameof(DiskLogOptions.RetentionLimitBytes), SegmentBytes, 0, null },
        { nameof(DiskLogOptions.RetentionLimitBytes), SegmentBytes, -1, null },
        { nameof(DiskLogOptions.RetentionLimitMs), SegmentBytes, null, 999 },
        { nameof(DiskLogOptions.RetentionLimitMs), SegmentBytes, null, 0 },
        { nameof(DiskLogOptions.RetentionLimitMs), SegmentBytes, null, long.MinValue },
    };

    [Theory]
    [MemberData(nameof(WrongOptions))]
    public void An_invalid_limit_is_named_and_nothing_is_created(string name, long segmentLimitBytes, long? limitBytes, long? limitMs)
    {
        var options = new DiskLogOptions
        {
            SegmentLimitBytes = segmentLimitBytes,
            RetentionLimitBytes = limitBytes,
            RetentionLimitMs = limitMs,
        };
        var exception = Assert.Throws<ArgumentOutOfRangeException>(() => DiskLog.Open(_directory["log"], options));
        Assert.Equal(name, exception.ParamName);
        Assert.Contains(FormattableString.Invariant($"{limitBytes ?? limitMs}"), exception.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory["log"]));
    }

    [Fact]
    public async Task The_largest_limits_are_accepted()
    {
        await using var log = Open(
            new SimulatedDisk(),
            _keepAll with
            {
                RetentionLimitBytes = long.MaxValue,
                RetentionLimitMs = long.MaxValue,
            });
        await AppendAsync(log, 0, 10);
        _clock.Advance(TimeSpan.FromDays(1));
        await AssertHoldsAsync(log, 0, 10);
    }

    private static DiskLog Open(SimulatedDisk disk, DiskLogOptions options) => DiskLog.Open(new SimulatedStorage(disk), options);

    /// <summary>The size of all segments, including one that is being created.</summary>
    private static long SizeOf(SimulatedDisk disk) =>
        disk.Names.Where(file => SegmentName.TryParse(file.Key, out _) || file.Key == SegmentName.Temporary).Sum(file => file.Value.Length);

    private static IEnumerable<ulong> SegmentsOf(SimulatedDisk disk) =>
        disk
            .Names.Keys.Where(name => SegmentName.TryParse(name, out _))
            .Order(StringComparer.Ordinal)
            .Select(name => ulong.Parse(name[..20], null));

    private static string Text(int offset, int length) => $"{offset} {new string((char)('a' + (offset % 26)), length)}";

    /// <summary>Appends records of which two fill a segment.</summary>
    private static async Task AppendAsync(DiskLog log, int first, int end)
    {
        for (var i = first; i < end; i++)
            Assert.Equal((ulong)i, await log.AppendBatchAsync(RecordBatch.OfText(Text(i, 30_000))));
    }

    /// <summary>Checks that the log holds exactly the records of these offsets. Each record says which one it is.</summary>
    private static async Task AssertHoldsAsync(DiskLog log, ulong first, int end)
    {
        Assert.Equal(new LogRange(first, (ulong)end), await log.GetRangeAsync());
        var texts = await log.ReadAllTextAsync();
        Assert.Equal(Enumerable.Range((int)first, end - (int)first), texts.Select(text => int.Parse(text.Split(' ')[0], null)));
    }
}
