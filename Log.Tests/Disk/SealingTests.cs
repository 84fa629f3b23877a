using System.Collections.Concurrent;
using LogKit.Disk;
using LogKit.Disk.Format;
using LogKit.Tests.Disk.Simulation;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// Full segments are sealed in the background. Appends and reads do not wait for it, nothing depends on its completion, and closing the log
/// completes it.
/// </summary>
public sealed class SealingTests
{
    private const int QueueLimit = 32;

    private readonly ConcurrentQueue<Action> _background = [];
    private readonly SimulatedDisk _disk = new();
    private readonly DiskLogOptions _options;

    public SealingTests() =>
        _options = new DiskLogOptions { SegmentLimitBytes = 64 * 1024, ReserveBytes = 4096, Background = _background.Enqueue };

    [Theory]
    [InlineData(FlushMode.Always)]
    [InlineData(FlushMode.Never)]
    public async Task Rolls_reads_and_appends_do_not_wait_for_a_seal(FlushMode mode)
    {
        await using var log = Open(_options with { FlushMode = mode });
        await AppendAsync(log, 0, 3);
        Assert.Equal(2, _background.Count);
        Assert.Equal([false, false, false], SealsOf(_disk));
        await AssertHoldsAsync(log, 3);
        RunBackground(1);
        Assert.Equal([true, false, false], SealsOf(_disk));
        await AppendAsync(log, 3, 4);
        RunBackground();
        Assert.Equal([true, true, true, false], SealsOf(_disk));
        Assert.Equal(3, _disk.Names.Keys.Count(name => SegmentName.TryParseIndex(name, out _)));
        await AssertHoldsAsync(log, 4);
    }

    [Fact]
    public async Task Appends_and_reads_continue_while_the_device_is_busy_with_a_seal()
    {
        await using var log = Open(_options);
        await AppendAsync(log, 0, 2);
        using var begun = new ManualResetEventSlim();
        using var end = new ManualResetEventSlim();
        Thread? sealing = null;
        _disk.Fault = (_, kind) =>
        {
            if (Thread.CurrentThread == sealing && kind == OperationKind.Flush)
            {
                begun.Set();
                end.Wait();
            }

            return null;
        };
        sealing = new Thread(() => RunBackground());
        sealing.Start();
        try
        {
            Assert.True(begun.Wait(TimeSpan.FromSeconds(30)), "waited 30 seconds for the seal to be flushed");
            await AppendAsync(log, 2, 6).Within("appends beside a seal");
            await AssertHoldsAsync(log, 6).Within("reads beside a seal");
            Assert.Equal(4, _background.Count);
        }
        finally
        {
            end.Set();
            sealing.Join();
        }

        RunBackground();
        Assert.Equal([true, true, true, true, true, false], SealsOf(_disk));
    }

    [Fact]
    public async Task The_close_seals_all_segments()
    {
        await using (var log = Open(_options))
            await AppendAsync(log, 0, 10);
        Assert.Equal(Enumerable.Repeat(true, 10), SealsOf(_disk));
        await using var reopened = Open(_options);
        Assert.True(reopened.Recovery.WasClosedCleanly);
        await AssertHoldsAsync(reopened, 10);
    }

    [Fact]
    public async Task A_crash_before_the_seals_loses_nothing_and_the_next_opening_seals()
    {
        await AppendAsync(Open(_options), 0, 20);
        Assert.DoesNotContain(true, SealsOf(_disk));
        var restarted = _disk.AfterKill();
        var options = _options with { Background = _ => { } };
        var recovered = DiskLog.Open(new SimulatedStorage(restarted), options);
        Assert.False(recovered.Recovery.WasClosedCleanly);
        Assert.Equal(new LogRange(0, 20), recovered.Recovery.Range);
        Assert.Equal(Enumerable.Repeat(true, 19), SealsOf(restarted).SkipLast(1));
        var firstRead = restarted.BytesRead;
        Assert.True(firstRead > 19 * 40_000, $"{firstRead} bytes were read");

        // After another kill, the next opening reads only headers and the last segment.
        var again = restarted.AfterKill();
        await using var reopened = DiskLog.Open(new SimulatedStorage(again), options);
        Assert.InRange(again.BytesRead, 1, (20 * SegmentHeader.SizeBytes) + (4 * 64 * 1024));
        await AssertHoldsAsync(reopened, 20);
    }

    [Fact]
    public async Task A_power_loss_before_the_seals_loses_nothing_that_was_acknowledged()
    {
        var seed = TestSeed.Next();
        await AppendAsync(Open(_options), 0, 8);
        for (var done = 0; done < 8; done++)
        {
            for (var image = 0; image < 5; image++)
            {
                var disk = _disk.AfterPowerLoss(new Random(TestSeed.Mix(seed, done, image)));
                await using var recovered = DiskLog.Open(new SimulatedStorage(disk), _options with { Background = work => work() });
                Assert.True(recovered.Recovery.Range == new LogRange(0, 8), $"seed {seed}, {done} sealed: {recovered.Recovery}");
                await AssertHoldsAsync(recovered, 8);
            }

            RunBackground(1);
        }
    }

    [Fact]
    public async Task When_the_queue_is_full_the_writer_seals_and_nothing_is_lost()
    {
        var count = QueueLimit + 20;
        await using (var log = Open(_options))
        {
            await AppendAsync(log, 0, count);
            Assert.Equal(QueueLimit, _background.Count);
            Assert.Equal(QueueLimit + 1, SealsOf(_disk).Count(isSealed => !isSealed)); // and the last segment
            Assert.Equal(SealsOf(_disk).OrderDescending(), SealsOf(_disk)); // the oldest are sealed first
            await AssertHoldsAsync(log, count);
            RunBackground();
            Assert.Equal(1, SealsOf(_disk).Count(isSealed => !isSealed));
            await AppendAsync(log, count, count + 1);
        }

        await using var reopened = Open(_options);
        Assert.True(reopened.Recovery.WasClosedCleanly);
        await AssertHoldsAsync(reopened, count + 1);
    }

    [Theory]
    [InlineData(nameof(OperationKind.Write))]
    [InlineData(nameof(OperationKind.SetLength))]
    [InlineData(nameof(OperationKind.Flush))]
    public async Task A_seal_that_fails_ends_appends_but_not_reads(string kindName)
    {
        var kind = Enum.Parse<OperationKind>(kindName);
        var log = Open(_options);
        await AppendAsync(log, 0, 4);
        _disk.Fault = (_, operation) => operation == kind ? new IOException("a device that fails") : null;
        RunBackground(1);
        _disk.Fault = (_, _) => null;
        RunBackground(); // the other queued seals fail too, and do not hide the cause

        var refused = await Assert.ThrowsAsync<LogReadOnlyException>(() => log.AppendBatchAsync(RecordBatch.OfText("refused")).AsTask());
        Assert.Equal("a device that fails", refused.InnerException?.Message);
        await Assert.ThrowsAsync<LogReadOnlyException>(() => log.TruncateBeforeAsync(1).AsTask());
        await AssertHoldsAsync(log, 4);
        var operations = _disk.OperationCount;
        await log.DisposeAsync().AsTask().Within("the log to close");
        Assert.Equal(operations, _disk.OperationCount); // nothing is sealed, which is left to the next opening

        await using var reopened = Open(_options);
        Assert.False(reopened.Recovery.WasClosedCleanly);
        await AssertHoldsAsync(reopened, 4);
        await AppendAsync(reopened, 4, 5);
    }

    [Fact]
    public async Task An_index_that_cannot_be_written_ends_neither_appends_nor_reads()
    {
        await using var log = Open(_options);
        await AppendAsync(log, 0, 3);
        _disk.Fault = (_, operation) => operation == OperationKind.Create ? new IOException("a device that fails") : null;
        RunBackground();
        _disk.Fault = (_, _) => null;
        Assert.Equal([true, true, false], SealsOf(_disk));
        await AppendAsync(log, 3, 4);
        await AssertHoldsAsync(log, 4);
    }

    [Fact]
    public async Task Background_work_after_the_close_touches_nothing()
    {
        var log = Open(_options);
        await AppendAsync(log, 0, 4);
        _disk.Fault = (_, _) => new IOException("a device that fails");
        await Assert.ThrowsAnyAsync<LogException>(() => log.AppendBatchAsync(RecordBatch.OfText("failed")).AsTask());
        await log.DisposeAsync(); // does not seal, because the log has failed
        _disk.Fault = (_, _) => null;
        Assert.DoesNotContain(true, SealsOf(_disk));

        // Another log now uses the directory.
        await using var next = DiskLog.Open(new SimulatedStorage(_disk), _options with { Background = _ => { } });
        await AppendAsync(next, 4, 6);
        var operations = _disk.OperationCount;
        var bytesRead = _disk.BytesRead;
        RunBackground();
        Assert.Equal(operations, _disk.OperationCount);
        Assert.Equal(bytesRead, _disk.BytesRead);
        await AppendAsync(next, 6, 7);
        await AssertHoldsAsync(next, 7);
    }

    private DiskLog Open(DiskLogOptions options) => DiskLog.Open(new SimulatedStorage(_disk), options);

    private void RunBackground(int count = int.MaxValue)
    {
        for (var i = 0; i < count && _background.TryDequeue(out var work); i++)
            work();
    }

    /// <summary>Returns whether each segment has a seal.</summary>
    private static List<bool> SealsOf(SimulatedDisk disk) =>
        [.. disk.Names.Where(file => SegmentName.TryParse(file.Key, out _)).OrderBy(file => file.Key, StringComparer.Ordinal).Select(file =>
        {
            var bytes = new byte[SegmentHeader.SizeBytes];
            file.Value.Read(bytes, 0);
            return bytes.AsSpan(SegmentHeader.SealPosition, Seal.SizeBytes).ContainsAnyExcept((byte)0);
        })];

    private static string Text(int offset) => $"{offset} {new string((char)('a' + (offset % 26)), 40_000)}"; // fills a segment

    private static async Task AppendAsync(DiskLog log, int first, int end)
    {
        for (var i = first; i < end; i++)
            Assert.Equal((ulong)i, await log.AppendBatchAsync(RecordBatch.OfText(Text(i))));
    }

    private static async Task AssertHoldsAsync(DiskLog log, int count) =>
        Assert.Equal(Enumerable.Range(0, count).Select(Text), await log.ReadAllTextAsync());
}
