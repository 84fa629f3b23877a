using LogKit.Disk;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>A large log keeps only a few segment files open at a time, and readers do not notice.</summary>
public sealed class OpenSegmentsTests : IDisposable
{
    private const int SegmentCount = 320;
    private const int OpenLimit = 128;

    private static readonly DiskLogOptions Options = new() { SegmentLimitBytes = 64 * 1024, FlushMode = FlushMode.Never };

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [LinuxFact]
    public async Task Few_files_are_open_however_many_segments_are_read_and_none_after_the_close()
    {
        var seed = TestSeed.Next();
        var log = DiskLog.Open(_directory.Path, Options);
        await AppendAsync(log, SegmentCount);
        Assert.InRange(OpenFiles(), 2, OpenLimit + 40); // up to 32 full segments may not be sealed yet
        await log.DisposeAsync();
        Assert.Equal(0, OpenFiles());
        Assert.Equal(SegmentCount, Directory.GetFiles(_directory.Path, "*.log").Length);

        log = DiskLog.Open(_directory.Path, Options);
        Assert.Equal(2, OpenFiles()); // the last segment, and the lock
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < SegmentCount; i++)
                await AssertReadsAsync(log, (ulong)i);
            Assert.Equal(OpenLimit + 2, OpenFiles());
        }

        var readers = Enumerable.Range(0, 4).Select(reader => Task.Run(async () =>
        {
            var random = new Random(TestSeed.Mix(seed, reader));
            for (var i = 0; i < 1000; i++)
                await AssertReadsAsync(log, (ulong)random.Next(SegmentCount));
        }));
        await Task.WhenAll(readers).Within("4000 reads");
        Assert.InRange(OpenFiles(), OpenLimit, OpenLimit + 2);

        await log.TruncateBeforeAsync(SegmentCount - 10);
        Assert.InRange(OpenFiles(), 2, 12);
        for (var i = SegmentCount - 10; i < SegmentCount; i++)
            await AssertReadsAsync(log, (ulong)i);
        await log.DisposeAsync();
        Assert.Equal(0, OpenFiles());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => log.ReadBatchAsync(SegmentCount - 1).AsTask());
    }

    [Fact]
    public async Task Reads_during_appends_truncation_and_the_close_succeed_or_say_why_not()
    {
        var seed = TestSeed.Next();
        await using (var written = DiskLog.Open(_directory.Path, Options))
            await AppendAsync(written, 200);
        var log = DiskLog.Open(_directory.Path, Options);
        var reads = 0;
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var readers = Enumerable.Range(0, 4).Select(reader => Task.Run(async () =>
        {
            var random = new Random(TestSeed.Mix(seed, reader));
            try
            {
                while (true)
                {
                    var offset = (ulong)random.Next(260);
                    try
                    {
                        await AssertReadsAsync(log, offset);
                        if (Interlocked.Increment(ref reads) == 100)
                            begun.SetResult();
                    }
                    catch (OffsetOutOfRangeException exception)
                    {
                        Assert.False(exception.Range.Contains(offset), $"seed {seed}: {exception.Message}");
                    }
                }
            }
            catch (ObjectDisposedException)
            {
                // The log was closed.
            }
        })).ToList();
        await begun.Task.Within("a hundred reads");
        for (var i = 200; i < 260; i++)
        {
            await log.AppendBatchAsync(RecordBatch.OfText(Text((ulong)i)));
            if (i % 4 == 0)
                await log.TruncateBeforeAsync((ulong)(i - 190));
        }

        await log.DisposeAsync();
        await Task.WhenAll(readers).Within("the readers to notice the close");
        if (OperatingSystem.IsLinux())
            Assert.Equal(0, OpenFiles());
    }

    private static string Text(ulong offset) => $"{offset} {new string((char)('a' + (offset % 26)), 40_000)}"; // fills a segment

    private static async Task AppendAsync(DiskLog log, int count)
    {
        for (var i = 0; i < count; i++)
            await log.AppendBatchAsync(RecordBatch.OfText(Text((ulong)i)));
    }

    private static async Task AssertReadsAsync(DiskLog log, ulong offset) =>
        Assert.Equal(Text(offset), (await log.ReadBatchAsync(offset))[0].ToString());

    /// <summary>The number of files in the directory that this process has open.</summary>
    private int OpenFiles() => Directory.GetFiles("/proc/self/fd").Count(IsInDirectory);

    private bool IsInDirectory(string link)
    {
        try
        {
            return File.ResolveLinkTarget(link, returnFinalTarget: false)
                    ?.FullName.StartsWith(_directory.Path + "/", StringComparison.Ordinal) == true;
        }
        catch (IOException)
        {
            return false; // a file of another test, which was closed in the meantime
        }
    }
}
