using LogKit.Disk;
using LogKit.Tests.Support;

namespace LogKit.Tests.Cli;

/// <summary>The output and exit codes of <c>logkit verify</c>, <c>dump</c>, and <c>repair</c>.</summary>
public sealed class InspectionCommandTests : IDisposable
{
    private const string Segment = "00000000000000000000.log";

    private readonly TestDirectory _directory = new();

    private string LogPath => _directory["log"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_valid_log_is_verified_dumped_and_not_repaired()
    {
        await WriteAsync();
        await ExpectAsync(
            ["verify", LogPath],
            0,
            $"{Segment}: offsets 0 to 3, 4 records, 3 frames, 4,231 bytes: sound, sealed\nsound: [0, 4), 1 segment\n");
        await ExpectAsync(
            ["dump", LogPath], 0,
            $"{Segment} 4096 offset 0 records 2 payload 16 flushed 4096 crc ok\n"
            + $"{Segment} 4144 offset 2 records 1 payload 9 flushed 4144 crc ok\n"
            + $"{Segment} 4185 offset 3 records 1 payload 14 flushed 4185 crc ok\n");
        await ExpectAsync(
            ["dump", LogPath, "--from", "1", "-n", "1"], 0, $"{Segment} 4096 offset 0 records 2 payload 16 flushed 4096 crc ok\n");
        await ExpectAsync(
            ["dump", LogPath, "--from", "3"], 0, $"{Segment} 4185 offset 3 records 1 payload 14 flushed 4185 crc ok\n");
        await ExpectAsync(["repair", LogPath, "--truncate-at-first-error"], 0, "there is nothing to repair: [0, 4)\n");
    }

    [Fact]
    public async Task Damage_is_reported_dumped_and_repaired()
    {
        await WriteAsync();
        var bytes = File.ReadAllBytes(Path.Combine(LogPath, Segment));
        bytes[4182] ^= 1; // in the payload of the second frame
        File.WriteAllBytes(Path.Combine(LogPath, Segment), bytes);
        const string Damage = "DAMAGED at byte 4144 (offset 2): no valid frame, although the segment was flushed up to byte 4231";
        await ExpectAsync(
            ["verify", LogPath], 1, $"{Segment}: offsets 0 to 1, 2 records, 1 frame, 4,231 bytes: {Damage}\ndamaged: 1 problem\n");
        await ExpectAsync(
            ["dump", LogPath, "--from", "2"], 1, $"{Segment} 4144 {Damage}\n");
        await ExpectAsync(
            ["repair", LogPath, "--truncate-at-first-error"], 0,
            $"cut: {Segment}: {Damage}\n"
            + $"lost: offsets 2 to 3 (2 records) as far as can be determined; kept in {Segment}.removed-4144\n"
            + $"{Segment}: offsets 0 to 1, 2 records, 1 frame, 4,144 bytes: sound, not sealed\n"
            + "sound: [0, 2), 1 segment\n");
        await ExpectAsync(["repair", LogPath, "--truncate-at-first-error"], 0, "there is nothing to repair: [0, 2)\n");
        await using var log = DiskLog.Open(LogPath);
        Assert.Equal(["a", "b and c"], await log.ReadAllTextAsync());
    }

    [Fact]
    public async Task An_unfinished_tail_is_reported_but_is_not_damage()
    {
        await WriteAsync();
        await File.AppendAllTextAsync(Path.Combine(LogPath, Segment), "torn");
        await ExpectAsync(
            ["verify", LogPath], 0,
            $"{Segment}: offsets 0 to 3, 4 records, 3 frames, 4,235 bytes: sound, sealed, unfinished tail of 4 bytes\n"
            + "sound: [0, 4), 1 segment\n");
        await ExpectAsync(["dump", LogPath, "--from", "4"], 0, $"{Segment} 4231 offset 4 unfinished tail of 4 bytes\n");
    }

    [Fact]
    public async Task A_log_in_use_is_copied_and_the_copy_is_described()
    {
        await WriteAsync();
        var copy = _directory["copy"];
        await using (var log = DiskLog.Open(LogPath))
        {
            await log.AppendBatchAsync(RecordBatch.OfText("and one more"));
            var (code, stdout, stderr) = await Logkit.RunAsync(["backup", LogPath, copy]);
            Assert.Equal((0, ""), (code, stderr));
            Assert.EndsWith("\nsound: [0, 5), 1 segment\n", stdout);
        }

        Assert.Equal(
            (1, "", $"error: cannot read {LogPath}: {copy} is not empty: give a directory that is empty or does not exist\n"),
            await Logkit.RunAsync(["backup", LogPath, copy]));
        await using var restored = DiskLog.Open(copy);
        Assert.Equal("and one more", (await restored.ReadAllTextAsync())[^1]);
    }

    [Theory]
    [InlineData("verify")]
    [InlineData("dump")]
    [InlineData("repair", "--truncate-at-first-error")]
    public async Task A_log_in_use_is_a_one_line_error(string command, params string[] options)
    {
        await using var log = DiskLog.Open(LogPath);
        var outcome = await Logkit.RunAsync([command, LogPath, .. options]);
        Assert.Equal((1, "", $"error: cannot read {LogPath}: the log is in use by another process\n"), outcome);
    }

    [Theory]
    [InlineData("verify")]
    [InlineData("dump")]
    [InlineData("repair", "--truncate-at-first-error")]
    [InlineData("backup", "/tmp/never-made")]
    public async Task A_missing_log_is_reported(string command, params string[] options)
    {
        var missing = await Logkit.RunAsync([command, LogPath, .. options]);
        Assert.Equal((1, "", $"error: cannot read {LogPath}: there is no directory {LogPath}\n"), missing);
        Assert.False(Directory.Exists(LogPath));
        Directory.CreateDirectory(LogPath);
        var empty = await Logkit.RunAsync([command, LogPath, .. options]);
        Assert.Equal((1, ""), (empty.ExitCode, empty.Output));
        Assert.EndsWith($"error: cannot read {LogPath}: there is no log in {LogPath}\n", empty.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repair_is_never_done_without_the_flag()
    {
        await WriteAsync();
        var outcome = await Logkit.RunAsync(["repair", LogPath]);
        Assert.Equal((2, ""), (outcome.ExitCode, outcome.Output));
        Assert.StartsWith("error: repair needs --truncate-at-first-error: the log loses", outcome.Errors, StringComparison.Ordinal);
        Assert.Contains("'logkit verify' shows", outcome.Errors, StringComparison.Ordinal);
        Assert.Equal(2, (await Logkit.RunAsync(["verify"])).ExitCode);
        Assert.Equal(2, (await Logkit.RunAsync(["dump", LogPath, "-n", "0"])).ExitCode);
    }

    [Fact]
    public async Task A_log_of_which_nothing_can_be_kept_is_not_changed()
    {
        await WriteAsync();
        var path = Path.Combine(LogPath, Segment);
        var bytes = File.ReadAllBytes(path);
        bytes[0] ^= 1;
        File.WriteAllBytes(path, bytes);
        var outcome = await Logkit.RunAsync(["repair", LogPath, "--truncate-at-first-error"]);
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Output));
        Assert.Contains("nothing before the damage can be kept", outcome.Errors, StringComparison.Ordinal);
        Assert.EndsWith("nothing was changed\n", outcome.Errors, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public async Task A_log_without_a_lock_file_is_verified_and_none_is_created()
    {
        await WriteAsync();
        File.Delete(Path.Combine(LogPath, "LOCK"));
        var outcome = await Logkit.RunAsync(["verify", LogPath]);
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Errors));
        Assert.False(File.Exists(Path.Combine(LogPath, "LOCK")));
    }

    private async Task WriteAsync()
    {
        await using var log = DiskLog.Open(LogPath);
        foreach (var texts in (string[][])[["a", "b and c"], ["third"], ["fourth one"]])
            await log.AppendBatchAsync(RecordBatch.OfText(texts));
    }

    private static async Task ExpectAsync(string[] arguments, int exitCode, string output) =>
        Assert.Equal((exitCode, output, ""), await Logkit.RunAsync(arguments));
}
