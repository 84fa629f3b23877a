using System.Buffers.Binary;
using LogKit.Disk;
using LogKit.Disk.Format;
using LogKit.Disk.Inspection;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// These tests run alone. Between fork and exec, a process that another test starts holds all open files of this process, and a deleted
/// file takes up space until it is closed everywhere.
/// </summary>
[CollectionDefinition(nameof(RealDiskTests), DisableParallelization = true)]
public sealed class RealDisk;

/// <summary>
/// The log on a real file system that is full or read-only, or contains other files. Tests that need their own file system are skipped if
/// none can be mounted.
/// </summary>
[Collection(nameof(RealDiskTests))]
public sealed class RealDiskTests : IDisposable
{
    private const int DiskBytes = 3 * 1024 * 1024;

    private static readonly DiskLogOptions SmallSegments = new() { SegmentLimitBytes = 256 * 1024 };

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [MountFact]
    public async Task A_full_disk_refuses_appends_until_there_is_room_and_loses_nothing()
    {
        using var mount = new TestMount(_directory["mount"], DiskBytes);
        var directory = Path.Combine(_directory["mount"], "log");
        var ballast = Path.Combine(_directory["mount"], "ballast");
        var expected = new List<string>();
        File.WriteAllBytes(ballast, new byte[DiskBytes / 3]);
        await using (var log = DiskLog.Open(directory, SmallSegments))
        {
            await log.FillAsync(expected, minBytes: 10);
            Assert.Equal(expected, await log.ReadAllTextAsync());
            await Assert.ThrowsAsync<LogFullException>(() => log.AppendBatchAsync(RecordBatch.OfText(new string('x', 100_000))).AsTask());

            File.WriteAllBytes(ballast, new byte[DiskBytes / 6]); // a smaller ballast makes room
            await log.FillAsync(expected, minBytes: 10);
            Assert.Equal(expected, await log.ReadAllTextAsync());
        }

        // Close the log and reopen it while the disk is full.
        await using (var log = DiskLog.Open(directory, SmallSegments))
        {
            Assert.True(log.Recovery.WasClosedCleanly, $"{log.Recovery}");
            Assert.Equal(expected, await log.ReadAllTextAsync());
            await log.FillAsync(expected, minBytes: 10);
            File.Delete(ballast);
            await log.FillAsync(expected, minBytes: 10);
        }

        await using var reopened = DiskLog.Open(directory, SmallSegments);
        Assert.Equal(expected, await reopened.ReadAllTextAsync());
    }

    [MountFact]
    public async Task Truncation_makes_room_on_a_full_disk()
    {
        using var mount = new TestMount(_directory["mount"], DiskBytes);
        var expected = new List<string>();
        await using (var log = DiskLog.Open(_directory["mount"], SmallSegments))
        {
            await log.FillAsync(expected, minBytes: 10);
            for (var round = 0; round < 3; round++)
            {
                var start = (ulong)expected.Count / 2 * (ulong)(round + 1) / 3;
                await log.TruncateBeforeAsync(start);
                var before = expected.Count;
                await log.FillAsync(expected, minBytes: 10);
                Assert.True(expected.Count > before, $"nothing more was appended after truncation before {start}");
                Assert.Equal(expected.Skip((int)start), await log.ReadAllTextAsync());
            }
        }

        await using var reopened = DiskLog.Open(_directory["mount"], SmallSegments);
        Assert.Equal(expected.Skip((int)reopened.Recovery.Range.StartOffset), await reopened.ReadAllTextAsync());
    }

    [MountFact]
    public async Task Truncation_makes_room_by_deleting_indexes_of_remaining_segments()
    {
        using var mount = new TestMount(_directory["mount"], DiskBytes);
        var expected = new List<string>();
        await using var log = DiskLog.Open(_directory["mount"], SmallSegments with { Background = work => work() });
        await log.FillAsync(expected, minBytes: 10);
        File.Delete(Directory.GetFiles(_directory["mount"], "*.idx").Order(StringComparer.Ordinal).First());
        await log.FillAsync(expected, minBytes: 10);
        await log.TruncateBeforeAsync(1);
        Assert.Equal(new LogRange(1, (ulong)expected.Count), await log.GetRangeAsync());
        Assert.Equal(expected.Skip(1), await log.ReadAllTextAsync());
    }

    [MountFact]
    public async Task Retention_keeps_a_log_working_on_a_disk_that_is_barely_larger_than_its_limit()
    {
        using var mount = new TestMount(_directory["mount"], DiskBytes);
        var options = SmallSegments with { RetentionLimitBytes = DiskBytes - (256 * 1024), Background = work => work() };
        await using var log = DiskLog.Open(_directory["mount"], options);
        for (var i = 0; i < 300; i++)
            await log.AppendBatchAsync(RecordBatch.OfText($"{i} {new string('x', 30_000)}"));
        var range = await log.GetRangeAsync();
        Assert.InRange(range.Count, 60ul, 100ul);
        Assert.Equal(300ul, range.NextOffset);
        Assert.Equal((int)range.Count, (await log.ReadAllTextAsync()).Count);
    }

    [MountFact]
    public async Task A_log_on_a_read_only_file_system_is_refused_and_can_be_verified()
    {
        using var mount = new TestMount(_directory["mount"], DiskBytes);
        await using (var log = DiskLog.Open(_directory["mount"]))
            await log.AppendBatchAsync(RecordBatch.OfText("a", "b"));
        mount.MakeReadOnly();
        var exception = Assert.ThrowsAny<SystemException>(() => DiskLog.Open(_directory["mount"]));
        Assert.True(exception is IOException or UnauthorizedAccessException, $"{exception}");
        Assert.Contains(_directory["mount"], exception.Message, StringComparison.Ordinal);

        using var inspector = LogInspector.Open(_directory["mount"]);
        var verification = inspector.Verify();
        Assert.True(verification.IsSound);
        Assert.Equal(new LogRange(0, 2), verification.Range);
    }

    [Fact]
    public async Task Files_and_directories_with_other_names_are_never_touched()
    {
        string[] names =
        ["notes.txt", "1.log", "START.bak", "000000000000000000000.log", "00000000000000000000.log.removed", "LOCK2", ".hidden"];
        foreach (var name in names)
            File.WriteAllText(_directory[name], $"mine: {name}");
        Directory.CreateDirectory(_directory["sub"]);
        File.WriteAllText(Path.Combine(_directory["sub"], SegmentName.Of(0)), "mine");
        for (var opening = 0; opening < 2; opening++)
        {
            await using var log = DiskLog.Open(_directory.Path, SmallSegments);
            for (var i = 0; i < 20; i++)
                await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 30_000)));
            await log.TruncateBeforeAsync((await log.GetRangeAsync()).NextOffset - 1);
        }

        foreach (var name in names)
            Assert.Equal($"mine: {name}", File.ReadAllText(_directory[name]));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(_directory["sub"], SegmentName.Of(0))));
    }

    [Theory]
    [InlineData("00000000000000000000.log")]
    [InlineData("last")]
    [InlineData(StartFile.Name)]
    public async Task A_file_of_an_unknown_version_is_named_and_nothing_is_changed(string name)
    {
        await using (var log = DiskLog.Open(_directory.Path, SmallSegments))
        {
            for (var i = 0; i < 20; i++)
                await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 30_000)));
            await log.TruncateBeforeAsync(1);
        }

        File.WriteAllText(_directory[SegmentName.Temporary], "a leftover");
        if (name == "last")
            name = Path.GetFileName(Directory.GetFiles(_directory.Path, "*.log").Order(StringComparer.Ordinal).Last());
        var bytes = File.ReadAllBytes(_directory[name]);
        bytes[8] = 3; // segments and START have their version at the same position
        var checksum = name == StartFile.Name ? bytes.Length - 4 : 28;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(checksum), Crc32C.Append(0, bytes.AsSpan(0, checksum)));
        File.WriteAllBytes(_directory[name], bytes);
        var before = Content();

        var damaged = Assert.Throws<LogDamagedException>(() => DiskLog.Open(_directory.Path, SmallSegments));
        Assert.Equal(name, damaged.File);
        Assert.Contains("it has format version 3: this program reads versions 1 and 2", damaged.Message, StringComparison.Ordinal);
        Assert.Equal(before, Content());
    }

    [Fact]
    public async Task An_empty_last_segment_is_continued()
    {
        await using var log = DiskLog.Open(_directory["log"], SmallSegments with { Background = _ => { } });
        for (var i = 0; i < 3; i++)
            await log.AppendBatchAsync(RecordBatch.OfText($"{i} {new string('x', 200_000)}"));

        // The state after a crash between the roll and the append.
        _directory.Copy("log", "image");
        var last = Path.Combine(_directory["image"], SegmentName.Of(2));
        using (var file = new FileStream(last, FileMode.Open))
            file.SetLength(SegmentHeader.SizeBytes);
        await using (var recovered = DiskLog.Open(_directory["image"], SmallSegments))
        {
            Assert.Equal(new LogRange(0, 2), recovered.Recovery.Range);
            Assert.Equal(2ul, await recovered.AppendBatchAsync(RecordBatch.OfText("instead")));
        }

        await using var reopened = DiskLog.Open(_directory["image"], SmallSegments);
        Assert.Equal(["0", "1", "instead"], (await reopened.ReadAllTextAsync()).Select(text => text.Split(' ')[0]));
    }

    [Fact]
    public async Task A_missing_segment_is_reported_with_its_position_and_nothing_is_changed()
    {
        await using (var log = DiskLog.Open(_directory.Path, SmallSegments))
        {
            for (var i = 0; i < 6; i++)
                await log.AppendBatchAsync(RecordBatch.OfText($"{i} {new string('x', 200_000)}"));
        }

        File.Delete(_directory[SegmentName.Of(3)]);
        var before = Content();
        var damaged = Assert.Throws<LogDamagedException>(() => DiskLog.Open(_directory.Path, SmallSegments));
        Assert.Equal((SegmentName.Of(2), 3ul), (damaged.File, damaged.Offset));
        Assert.Contains(
            "it ends before offset 3, but the next segment begins at 4: a segment is missing", damaged.Message, StringComparison.Ordinal);
        Assert.Equal(before, Content());
    }

    private SortedDictionary<string, string> Content() =>
        new(
            Directory
                .GetFiles(_directory.Path)
                .ToDictionary(path => Path.GetFileName(path), path => Convert.ToHexString(File.ReadAllBytes(path))),
            StringComparer.Ordinal);
}
