using LogKit.Disk;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>Guarantees of the disk log beyond the conformance suite: reopening, files, the lock, and startup.</summary>
public sealed class DiskLogTests : IDisposable
{
    private static readonly DiskLogOptions SmallSegments = new() { SegmentLimitBytes = 64 * 1024 };

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Reopening_keeps_every_record_and_continues_with_dense_offsets()
    {
        var expected = new List<string>();
        for (var cycle = 0; cycle < 3; cycle++)
        {
            await using var log = DiskLog.Open(_directory.Path, SmallSegments);
            Assert.Equal(new LogRange(0, (ulong)expected.Count), await log.GetRangeAsync());
            Assert.Equal(expected, await log.ReadAllTextAsync());
            Assert.True(log.Recovery.WasClosedCleanly);
            for (var i = 0; i < 100; i++)
            {
                string[] texts = [$"{cycle}/{i} {new string('x', 1500)}", $"{cycle}/{i}"];
                Assert.Equal((ulong)expected.Count, await log.AppendBatchAsync(RecordBatch.OfText(texts)));
                expected.AddRange(texts);
            }
        }

        Assert.True(Directory.GetFiles(_directory.Path, "*.log").Length > 5);
    }

    [Fact]
    public async Task A_log_that_was_not_closed_keeps_what_was_acknowledged()
    {
        await using var log = DiskLog.Open(_directory["log"], SmallSegments);
        for (var i = 0; i < 200; i++)
            await log.AppendBatchAsync(RecordBatch.OfText($"{i}", new string('x', 1000)));

        _directory.Copy("log", "image");
        await using var recovered = DiskLog.Open(_directory["image"], SmallSegments);
        Assert.False(recovered.Recovery.WasClosedCleanly);
        Assert.Equal(await log.ReadAllTextAsync(), await recovered.ReadAllTextAsync());
        Assert.Equal(400ul, await recovered.AppendBatchAsync(RecordBatch.OfText("next")));
    }

    [Fact]
    public async Task A_directory_can_be_opened_by_one_log_at_a_time()
    {
        var log = DiskLog.Open(_directory.Path);
        var exception = Assert.Throws<LogInUseException>(() => DiskLog.Open(_directory.Path));
        Assert.Equal(_directory.Path, exception.Directory);
        await log.DisposeAsync();
        await DiskLog.Open(_directory.Path).DisposeAsync();
    }

    [Fact]
    public async Task Truncation_survives_reopening_and_deletes_whole_segments()
    {
        await using (var log = DiskLog.Open(_directory.Path, SmallSegments))
        {
            for (var i = 0; i < 20; i++)
                await log.AppendBatchAsync(RecordBatch.OfText($"{i}", new string('x', 20_000)));
            var before = Directory.GetFiles(_directory.Path, "*.log").Length;
            await log.TruncateBeforeAsync(25);
            Assert.Equal(new LogRange(25, 40), await log.GetRangeAsync());
            Assert.True(Directory.GetFiles(_directory.Path, "*.log").Length < before);
            Assert.Equal(20_000, (await log.ReadBatchAsync(25))[0].Value.Length);
            var truncated = await Assert.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(24).AsTask());
            Assert.True(truncated.IsTruncated);
        }

        await using var reopened = DiskLog.Open(_directory.Path, SmallSegments);
        Assert.Equal(new LogRange(25, 40), await reopened.GetRangeAsync());
        await reopened.TruncateBeforeAsync(40);
        Assert.Equal(new LogRange(40, 40), await reopened.GetRangeAsync());
        Assert.Equal(40ul, await reopened.AppendBatchAsync(RecordBatch.OfText("after everything was truncated")));
        await Assert.ThrowsAsync<OffsetOutOfRangeException>(() => reopened.TruncateBeforeAsync(42).AsTask());
    }

    [Fact]
    public async Task A_batch_larger_than_a_segment_gets_its_own_segment()
    {
        await using var log = DiskLog.Open(_directory.Path, SmallSegments);
        var large = new string('y', 300_000);
        await log.AppendBatchAsync(RecordBatch.OfText("before"));
        await log.AppendBatchAsync(RecordBatch.OfText(large));
        await log.AppendBatchAsync(RecordBatch.OfText("after"));
        Assert.Equal(["before", large, "after"], await log.ReadAllTextAsync());
        Assert.Equal(3, Directory.GetFiles(_directory.Path, "*.log").Length);
    }

    [Theory]
    [InlineData(FlushMode.Always)]
    [InlineData(FlushMode.Interval)]
    [InlineData(FlushMode.Never)]
    public async Task Concurrent_appends_in_every_flush_mode_are_present_after_reopening(FlushMode mode)
    {
        var options = SmallSegments with { FlushMode = mode, FlushIntervalMs = 1 };
        await using (var log = DiskLog.Open(_directory.Path, options))
        {
            await Task.WhenAll(Enumerable.Range(0, 32).Select(producer => Task.Run(async () =>
            {
                for (var i = 0; i < 100; i++)
                    await log.AppendBatchAsync(RecordBatch.OfText($"{producer}/{i}"));
            }))).Within("3200 appends");
        }

        await using var reopened = DiskLog.Open(_directory.Path, options);
        var all = await reopened.ReadAllTextAsync();
        Assert.Equal(3200, all.Count);
        Assert.Equal(3200, all.Distinct().Count());
        for (var producer = 0; producer < 32; producer++)
        {
            var own = all.Where(text => text.StartsWith($"{producer}/", StringComparison.Ordinal));
            Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{producer}/{i}"), own);
        }
    }

    [Fact]
    public async Task Canceled_appends_are_whole_or_absent_and_the_log_continues()
    {
        await using var log = DiskLog.Open(_directory.Path);
        var appends = new List<(Task<ulong> Task, string Text)>();
        for (var i = 0; i < 500; i++)
        {
            using var cancellation = new CancellationTokenSource();
            appends.Add((Task.Run(() => log.AppendBatchAsync(RecordBatch.OfText($"{i}"), null, cancellation.Token).AsTask()), $"{i}"));
            if (i % 2 == 0)
                await cancellation.CancelAsync();
        }

        var acknowledged = new Dictionary<ulong, string>();
        foreach (var (task, text) in appends)
        {
            try
            {
                acknowledged.Add(await task.Within("an append"), text);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                // The batch is not in the log, or the token source was disposed before the append started.
            }
        }

        var all = await log.ReadAllTextAsync();
        Assert.Equal(acknowledged.OrderBy(append => append.Key).Select(append => append.Value), all);
    }

    [Fact]
    public async Task Foreign_files_are_left_alone()
    {
        File.WriteAllText(_directory["notes.txt"], "mine");
        File.WriteAllText(_directory["1.log"], "mine too");
        await using (var log = DiskLog.Open(_directory.Path))
            await log.AppendBatchAsync(RecordBatch.OfText("a"));
        await using var reopened = DiskLog.Open(_directory.Path);
        Assert.Equal(["a"], await reopened.ReadAllTextAsync());
        Assert.Equal("mine", File.ReadAllText(_directory["notes.txt"]));
        Assert.Equal("mine too", File.ReadAllText(_directory["1.log"]));
    }
}
