using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using LogKit.Disk;
using LogKit.Disk.Format;
using LogKit.Disk.Inspection;
using LogKit.Tests.Support;
using Microsoft.Win32.SafeHandles;

namespace LogKit.Tests.Disk;

/// <summary>
/// Changes that others make to the files of a log, open or closed, are detected and reported, and lose no acknowledged record.
/// </summary>
public sealed class TakenAwayTests : IDisposable
{
    private static readonly DiskLogOptions SmallSegments = new() { SegmentLimitBytes = 256 * 1024, Background = work => work() };

    private readonly TestDirectory _directory = new();

    private string LogPath => _directory["log"];

    public void Dispose() => _directory.Dispose();

    [LinuxFact]
    public async Task A_log_whose_lock_file_is_deleted_is_still_protected_from_others()
    {
        await using var log = DiskLog.Open(LogPath);
        File.Delete(PathOf(LockFile.Name));
        Assert.Throws<LogInUseException>(() => DiskLog.Open(LogPath));
        Assert.Throws<LogInUseException>(() => LogInspector.Open(LogPath));
        Assert.Throws<LogInUseException>(() => LogRepair.TruncateAtFirstError(LogPath));
        Assert.Equal(0ul, await log.AppendBatchAsync(RecordBatch.OfText("goes on")));
    }

    [LinuxFact]
    public async Task A_closed_log_can_be_opened_at_once_even_while_a_process_is_being_started()
    {
        var log = DiskLog.Open(LogPath);
        var inherited = Directory.GetFiles("/proc/self/fd")
            .Where(path => new FileInfo(path).LinkTarget?.StartsWith(LogPath, StringComparison.Ordinal) == true)
            .Select(path => Dup(int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))) // as fork does
            .Select(descriptor => new SafeFileHandle(descriptor, ownsHandle: true)).ToList();
        try
        {
            Assert.NotEmpty(inherited);
            await log.DisposeAsync();
            await DiskLog.Open(LogPath).DisposeAsync();
        }
        finally
        {
            inherited.ForEach(handle => handle.Dispose());
        }
    }

    [LinuxFact]
    public async Task A_deleted_lock_file_is_recreated()
    {
        await using var log = DiskLog.Open(LogPath);
        var content = await ReadSharedAsync(PathOf(LockFile.Name));
        File.Delete(PathOf(LockFile.Name));
        await Poll.UntilAsync(
            () => Task.FromResult(File.Exists(PathOf(LockFile.Name)) && new FileInfo(PathOf(LockFile.Name)).Length > 0), "the lock file");
        Assert.Equal(content, await ReadSharedAsync(PathOf(LockFile.Name)));
    }

    [LinuxFact]
    public async Task An_append_to_a_segment_that_was_deleted_is_not_acknowledged()
    {
        await using var log = DiskLog.Open(LogPath);
        await log.AppendBatchAsync(RecordBatch.OfText("before"));
        File.Delete(PathOf(SegmentName.Of(0)));
        var exception = await Assert.ThrowsAnyAsync<LogException>(() => log.AppendBatchAsync(RecordBatch.OfText("lost")).AsTask());
        Assert.True(exception is AppendOutcomeUnknownException or LogReadOnlyException, $"{exception}");
        await Assert.ThrowsAsync<LogReadOnlyException>(() => log.AppendBatchAsync(RecordBatch.OfText("refused")).AsTask());
    }

    public static TheoryData<string> Losses =>
        ["segment deleted", "segment replaced", "directory deleted", "directory moved", "directory replaced"];

    [LinuxTheory]
    [MemberData(nameof(Losses))]
    public async Task A_log_without_appends_detects_and_reports_that_its_files_are_gone(string loss)
    {
        await using var log = DiskLog.Open(LogPath);
        await log.AppendBatchAsync(RecordBatch.OfText("before"));
        var reported = new TaskCompletionSource<LogEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var subscription = log.Observe(logEvent => reported.TrySetResult(logEvent));
        TakeAway(loss);
        var told = await reported.Task.Within("the loss to be reported");
        Assert.Equal(LogEventKind.ReadOnly, told.Kind);
        Assert.Contains(LogPath, told.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<LogReadOnlyException>(() => log.AppendBatchAsync(RecordBatch.OfText("refused")).AsTask());
    }

    [Theory]
    [InlineData("*.log", true)]
    [InlineData("*.log", false)]
    public async Task A_directory_that_lost_its_segments_is_not_mistaken_for_a_new_log(string files, bool withIndexes)
    {
        await WriteAsync(6);
        foreach (var path in Directory.GetFiles(LogPath, files).Concat(withIndexes ? [] : Directory.GetFiles(LogPath, "*.idx")))
            File.Delete(path);
        var before = Directory.GetFiles(LogPath).Order(StringComparer.Ordinal).ToList();
        var damaged = Assert.Throws<LogDamagedException>(() => DiskLog.Open(LogPath, SmallSegments));
        Assert.Contains("segments", damaged.Message, StringComparison.Ordinal);
        using (var inspector = LogInspector.Open(LogPath))
            Assert.Contains(damaged.File, inspector.Verify().Damages.Select(damage => damage.File));
        Assert.NotNull(LogRepair.TruncateAtFirstError(LogPath).Refusal);
        Assert.Equal(before, Directory.GetFiles(LogPath).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_stray_copy_of_a_segment_is_reported_as_the_damaged_file_and_a_repair_loses_nothing()
    {
        await WriteAsync(6);
        var stray = SegmentName.Of(99);
        File.Copy(PathOf(SegmentName.Of(0)), PathOf(stray));
        Assert.Equal(stray, Assert.Throws<LogDamagedException>(() => DiskLog.Open(LogPath, SmallSegments)).File);
        using (var inspector = LogInspector.Open(LogPath))
            Assert.Equal(
                (stray, DamageKind.Misplaced),
                Assert.Single(inspector.Verify().Damages) is var damage ? (damage.File, damage.Kind) : default);

        var report = LogRepair.TruncateAtFirstError(LogPath);
        Assert.Null(report.LostFrom);
        Assert.Equal([$"{stray}.removed"], report.KeptIn);
        await using var log = DiskLog.Open(LogPath, SmallSegments);
        Assert.Equal(6, (await log.ReadAllTextAsync()).Count);
    }

    [Fact]
    public async Task A_segment_of_another_log_is_refused_and_named()
    {
        await WriteAsync(6);
        await WriteAsync(6, "other");
        var middle = SegmentName.Of(2);
        File.Copy(Path.Combine(_directory["other"], middle), PathOf(middle), overwrite: true);
        var damaged = Assert.Throws<LogDamagedException>(() => DiskLog.Open(LogPath, SmallSegments));
        Assert.Equal(middle, damaged.File);
        Assert.Contains("belongs to another log", damaged.Message, StringComparison.Ordinal);
        using var inspector = LogInspector.Open(LogPath);
        Assert.Contains(inspector.Verify().Damages, damage => damage.File == middle && damage.Kind == DamageKind.Misplaced);
    }

    [Fact]
    public async Task A_start_of_another_log_removes_nothing()
    {
        await WriteAsync(6);
        await WriteAsync(6, "other");
        await using (var other = DiskLog.Open(_directory["other"], SmallSegments))
            await other.TruncateBeforeAsync(4);
        File.Copy(Path.Combine(_directory["other"], StartFile.Name), PathOf(StartFile.Name));
        Assert.Equal(StartFile.Name, Assert.Throws<LogDamagedException>(() => DiskLog.Open(LogPath, SmallSegments)).File);

        LogRepair.TruncateAtFirstError(LogPath);
        await using var log = DiskLog.Open(LogPath, SmallSegments);
        Assert.Equal(6, (await log.ReadAllTextAsync()).Count);
    }

    public static TheoryData<string, string> OddFiles => new()
    {
        { SegmentName.Of(2), "link" }, { SegmentName.Of(2), "pipe" }, { LockFile.Name, "directory" }, { LockFile.Name, "pipe" },
        { StartFile.Name, "link" }, { StartFile.Name, "pipe" }, { SegmentName.Temporary, "directory" }, { LockFile.Name, "link" },
    };

    [LinuxTheory]
    [MemberData(nameof(OddFiles))]
    public async Task Anything_but_a_file_under_the_name_of_a_file_is_reported_by_name(string name, string kind)
    {
        await WriteAsync(3);
        File.Delete(PathOf(name));
        if (kind == "link")
            File.CreateSymbolicLink(PathOf(name), PathOf("nowhere"));
        else if (kind == "directory")
            Directory.CreateDirectory(PathOf(name));
        else
            await Process.Start("mkfifo", PathOf(name)).WaitForExitAsync();

        var opening = Task.Run(async () =>
        {
            await using var log = DiskLog.Open(LogPath, SmallSegments);
            for (var i = 0; i < 3; i++)
                await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 200_000))); // creates a segment
        });
        var exception = await Assert.ThrowsAnyAsync<Exception>(() => opening.Within("the log to open"));
        Assert.Contains(name, $"{exception.Message} {exception.InnerException?.Message}", StringComparison.Ordinal);
        Assert.True(exception is IOException or LogException, $"{exception}");
    }

    [Fact]
    public async Task A_copy_of_a_live_log_whose_last_segment_was_cut_is_detected()
    {
        await using var log = DiskLog.Open(LogPath);
        for (var i = 0; i < 20; i++)
            await log.AppendBatchAsync(RecordBatch.OfText($"{i}"));
        var path = PathOf(SegmentName.Of(0));
        await Poll.UntilAsync(
            async () => SealOf(await ReadSharedAsync(path)) is { NextOffset: 20 }, "the segment to say how far it is flushed");
        _directory.Copy("log", "copy");
        using (var file = new FileStream(Path.Combine(_directory["copy"], SegmentName.Of(0)), FileMode.Open))
            file.SetLength(SegmentHeader.SizeBytes);
        Assert.Throws<LogDamagedException>(() => DiskLog.Open(_directory["copy"]));
        using var inspector = LogInspector.Open(_directory["copy"]);
        Assert.False(inspector.Verify().IsSound);

        static Seal? SealOf(byte[] bytes) =>
            Seal.TryRead(bytes.AsSpan(SegmentHeader.SealPosition), BitConverter.ToUInt32(bytes.AsSpan(12)));
    }

    private async Task WriteAsync(int count, string name = "log")
    {
        await using var log = DiskLog.Open(_directory[name], SmallSegments);
        for (var i = 0; i < count; i++)
            await log.AppendBatchAsync(RecordBatch.OfText($"{i} {new string('x', 200_000)}")); // one segment each
    }

    private void TakeAway(string loss)
    {
        switch (loss)
        {
            case "segment deleted":
                File.Delete(PathOf(SegmentName.Of(0)));
                break;
            case "segment replaced":
                File.WriteAllText(PathOf("new"), "another");
                File.Move(PathOf("new"), PathOf(SegmentName.Of(0)), overwrite: true);
                break;
            case "directory deleted":
                Directory.Delete(LogPath, recursive: true);
                break;
            default:
                Directory.Move(LogPath, _directory["moved"]);
                if (loss == "directory replaced")
                    Directory.CreateDirectory(LogPath);
                break;
        }
    }

    private static async Task<byte[]> ReadSharedAsync(string path)
    {
        // Reads with cat, because opening the file in .NET would take a lock.
        using var cat = Process.Start(new ProcessStartInfo("cat", path) { RedirectStandardOutput = true, UseShellExecute = false })!;
        using var bytes = new MemoryStream();
        await cat.StandardOutput.BaseStream.CopyToAsync(bytes);
        await cat.WaitForExitAsync();
        return bytes.ToArray();
    }

    private string PathOf(string name) => Path.Combine(LogPath, name);

    [DllImport("libc", EntryPoint = "dup")]
    private static extern int Dup(int descriptor);
}
