using System.Collections.Concurrent;
using LogKit.Disk;
using LogKit.Disk.Inspection;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// A copy of a log, whether or not the log is in use, can be opened and contains everything that was acknowledged before the copy began.
/// </summary>
public sealed class BackupTests : IDisposable
{
    private const int AppendsPerCopy = 200;

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(null, FlushMode.Always)]
    [InlineData(200_000L, FlushMode.Always)]
    [InlineData(200_000L, FlushMode.Never)]
    public async Task A_copy_of_a_log_in_use_has_everything_that_was_acknowledged_before_it(long? retentionLimitBytes, FlushMode flushMode)
    {
        await using var log = DiskLog.Open(_directory["log"], new DiskLogOptions
        {
            SegmentLimitBytes = 65536,
            RetentionLimitBytes = retentionLimitBytes,
            FlushMode = flushMode,
        });
        var acknowledged = new ConcurrentDictionary<ulong, string>();
        var copies = 0; // limits the appends per copy, so that the log does not outgrow the copies
        using var enough = new CancellationTokenSource();
        var producers = Enumerable.Range(0, 4).Select(n => Task.Run(() => ProduceAsync(n))).ToList();
        for (var round = 0; round < 6 * TestSeed.Effort; round++)
        {
            var expected = acknowledged.ToArray();
            var target = _directory[$"copy{round}"];
            var verification = LogBackup.Copy(_directory["log"], target);
            Assert.True(verification.IsSound, string.Join('\n', verification.Damages));
            await using (var copy = DiskLog.Open(target))
            {
                var range = await copy.GetRangeAsync();
                Assert.True(expected.Length == 0 || expected.Max(one => one.Key) < range.NextOffset, $"the copy has {range}");
                var read = await copy.ReadAllTextAsync();
                Assert.All(expected.Where(one => one.Key >= range.StartOffset), one =>
                    Assert.Equal(one.Value, read[(int)(one.Key - range.StartOffset)]));
                Assert.Equal(range.NextOffset, await copy.AppendBatchAsync(RecordBatch.OfText("it goes on")));
            }

            Directory.Delete(target, recursive: true);
            copies++;
        }

        await enough.CancelAsync();
        await Task.WhenAll(producers).Within("the producers to end");

        async Task ProduceAsync(int producer)
        {
            for (var i = 0; !enough.IsCancellationRequested; i++)
            {
                var text = $"{producer} {i} {new string((char)('a' + producer), 100 * (i % 50))}";
                acknowledged[await log.AppendBatchAsync(RecordBatch.OfText(text))] = text;
                if (i >= (copies + 1) * AppendsPerCopy)
                    await Poll.UntilAsync(
                        () => Task.FromResult(i < (copies + 1) * AppendsPerCopy || enough.IsCancellationRequested), "the copy to be made");
            }
        }
    }

    [Fact]
    public async Task A_copy_of_a_closed_log_is_the_log()
    {
        var expected = new List<string>();
        await using (var log = DiskLog.Open(_directory["log"], new DiskLogOptions { SegmentLimitBytes = 65536 }))
        {
            for (var i = 0; i < 50; i++)
            {
                expected.Add($"{i} {new string('x', 5000)}");
                await log.AppendBatchAsync(RecordBatch.OfText(expected[^1]));
            }
        }

        Assert.True(LogBackup.Copy(_directory["log"], _directory["copy"]).IsSound);
        await using var copy = DiskLog.Open(_directory["copy"]);
        Assert.Equal(expected, await copy.ReadAllTextAsync());
    }

    [Fact]
    public async Task A_damaged_log_is_copied_unchanged_and_reported_as_damaged()
    {
        await using (var log = DiskLog.Open(_directory["log"]))
        {
            for (var i = 0; i < 10; i++)
                await log.AppendBatchAsync(RecordBatch.OfText($"{i}"));
        }

        var segment = Assert.Single(Directory.GetFiles(_directory["log"], "*.log"));
        var bytes = await File.ReadAllBytesAsync(segment);
        bytes[^20] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes);
        Assert.False(LogBackup.Copy(_directory["log"], _directory["copy"]).IsSound);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Path.Combine(_directory["copy"], Path.GetFileName(segment))));
    }

    [Fact]
    public async Task A_target_that_is_not_empty_and_a_directory_without_a_log_are_refused()
    {
        await using (var log = DiskLog.Open(_directory["log"]))
            await log.AppendBatchAsync(RecordBatch.OfText("x"));
        var target = Directory.CreateDirectory(_directory["target"]).FullName;
        var other = Path.Combine(target, "other");
        await File.WriteAllTextAsync(other, "mine");
        var notEmpty = Assert.Throws<IOException>(() => LogBackup.Copy(_directory["log"], target));
        Assert.Equal($"{target} is not empty: give a directory that is empty or does not exist", notEmpty.Message);
        Assert.Equal("mine", await File.ReadAllTextAsync(other));
        Directory.CreateDirectory(_directory["empty"]);
        Assert.Throws<FileNotFoundException>(() => LogBackup.Copy(_directory["empty"], _directory["copy"]));
        Assert.Throws<DirectoryNotFoundException>(() => LogBackup.Copy(_directory["missing"], _directory["copy"]));
        Assert.False(Directory.Exists(_directory["copy"]));
    }

    [Fact]
    public async Task An_abandoned_copy_is_removed()
    {
        await using (var log = DiskLog.Open(_directory["log"]))
            await log.AppendBatchAsync(RecordBatch.OfText("x"));
        Assert.ThrowsAny<OperationCanceledException>(() =>
            LogBackup.Copy(_directory["log"], _directory["copy"], cancellationToken: new CancellationToken(canceled: true)));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory["copy"]));
    }
}
