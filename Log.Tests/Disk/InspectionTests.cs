using System.Buffers.Binary;
using System.Security.Cryptography;
using LogKit.Disk;
using LogKit.Disk.Format;
using LogKit.Disk.Inspection;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// Each kind of damage to a log of three segments: what verification reports, what repair keeps, and that neither changes anything else.
/// </summary>
public sealed class InspectionTests : IDisposable
{
    private const int HeaderBytes = 4096;
    private const string Sound = "sound";
    private const string Refused = "refused";

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>
    /// The log has six batches of two records, two batches per segment: offsets 0 to 3, 4 to 7, and 8 to 11. A case consists of the damage;
    /// where it is reported, as segment or START, kind, position, and offset; and the number of records after the repair.
    /// </summary>
    public static TheoryData<string, string, int> Damages => new()
    {
        { "nothing", Sound, 12 },
        { "torn tail", Sound, 12 },
        { "zeros after the last segment", Sound, 12 },
        { "flip in the header's magic, first segment", "0 Records 0 offset 0", -1 },
        { "flip in the header's magic, middle segment", "1 Records 0 offset 4", 4 },
        { "flip in the header's magic, last segment", "2 Records 0 offset 8", 8 },
        { "flip in the header's zeros, middle segment", "1 Margin 100 offset ", 12 },
        { "flip in the seal, first segment", "0 Margin 512 offset ", 12 },
        { "flip in the seal, middle segment", "1 Margin 512 offset ", 12 },
        { "flip in the seal, last segment", "2 Margin 512 offset ", 12 },
        { "flip in the first frame's header, first segment", "0 Records 4096 offset 0", 0 },
        { "flip in the first frame's header, middle segment", "1 Records 4096 offset 4", 4 },
        { "flip in the last frame's header, last segment", "2 Records last offset 10", 10 },
        { "flip in the last frame's payload, first segment", "0 Records last offset 2", 2 },
        { "flip in the last frame's payload, middle segment", "1 Records last offset 6", 6 },
        { "flip in the last frame's payload, last segment", "2 Records last offset 10", 10 },
        { "flips in two segments", "0 Records last offset 2; 2 Records last offset 10", 2 },
        { "first segment missing", "START-OF 1 Records 0 offset 0", -1 },
        { "middle segment missing", "0 Records end offset 4", 4 },
        { "last segment missing", "1 Records end offset 8", 8 },
        { "cut in the middle of a frame, middle segment", "1 Records last offset 6", 6 },
        { "cut in the middle of a frame, last segment", "2 Records last offset 10", 10 },
        { "cut inside the header, last segment", "2 Records 1000 offset 8", 8 },
        { "something after the frames, middle segment", "1 Margin end offset ", 12 },
        { "START damaged", "START Start 0 offset ", 12 },
        { "START beyond the end", "START Start 0 offset 12", 12 },
        { "foreign version of a segment", "1 ForeignVersion 0 offset 4", -1 },
        { "foreign version of START", "START ForeignVersion 0 offset ", -1 },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Damage_is_found_at_its_position_and_nothing_is_changed(string damage, string found, int left)
    {
        _ = left;
        var positions = await WriteAsync(damage);
        var before = Hashes();
        using var inspector = LogInspector.Open(_directory["log"]);
        Assert.Null(inspector.LockProblem);
        var verification = inspector.Verify();
        Assert.Equal(found, Describe(verification, positions));
        Assert.Equal(found == Sound, verification.IsSound);
        Assert.Equal(damage == "torn tail" ? 31 : 0, verification.Segments[^1].UnfinishedBytes);
        Assert.Equal(verification.Damages.ToList(), inspector.Dump().Select(entry => entry.Damage).OfType<LogDamage>());
        Assert.Equal(before, Hashes());
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_repair_leaves_everything_before_the_damage_and_keeps_what_it_removes(string damage, string found, int left)
    {
        await WriteAsync(damage);
        var (before, bytesBefore) = (Hashes(), AllBytes());
        var report = LogRepair.TruncateAtFirstError(_directory["log"]);
        if (found == Sound || left < 0)
        {
            Assert.Equal(left < 0 ? Refused : Sound, report.Refusal is null ? Sound : Refused);
            Assert.Equal(before, Hashes());
            return;
        }

        Assert.Null(report.Refusal);
        Assert.True(report.After.IsSound, Describe(report.After, []));
        Assert.Equal(left < 12 && !damage.StartsWith("START", StringComparison.Ordinal), report.LostFrom is not null);
        AssertKept(bytesBefore, report);
        var after = Hashes();
        Assert.True(LogRepair.TruncateAtFirstError(_directory["log"]).Before.IsSound);
        Assert.Equal(after, Hashes());

        await using (var log = DiskLog.Open(_directory["log"]))
        {
            Assert.Equal(Texts.Take(left), await log.ReadAllTextAsync());
            Assert.Equal(report.After.Range, await log.GetRangeAsync());
            await log.AppendBatchAsync(RecordBatch.OfText("goes on"));
        }

        using var again = LogInspector.Open(_directory["log"]);
        Assert.True(again.Verify().IsSound);
    }

    [Fact]
    public async Task Lost_records_are_reported_as_far_as_the_files_show_them()
    {
        await WriteAsync("flip in the last frame's payload, first segment");
        var report = LogRepair.TruncateAtFirstError(_directory["log"]);
        Assert.Equal((2ul, 12ul), (report.LostFrom!.Value, report.LostBefore));
        Assert.Equal(new LogRange(0, 2), report.After.Range);
    }

    [Fact]
    public async Task A_second_repair_at_the_same_position_keeps_what_the_first_one_kept()
    {
        await WriteAsync("flip in the last frame's payload, last segment");
        var first = LogRepair.TruncateAtFirstError(_directory["log"]).KeptIn.Single();
        var kept = File.ReadAllBytes(Path.Combine(_directory["log"], first));
        await using (var log = DiskLog.Open(_directory["log"]))
            await log.AppendBatchAsync(RecordBatch.OfText("damaged", "next"));
        Flip(Segments()[2], ^1);
        var second = LogRepair.TruncateAtFirstError(_directory["log"]).KeptIn.Single();
        Assert.Equal($"{first}.2", second);
        Assert.Equal(kept, File.ReadAllBytes(Path.Combine(_directory["log"], first)));
    }

    [Fact]
    public async Task A_log_in_use_is_refused()
    {
        await using var log = DiskLog.Open(_directory["log"]);
        Assert.Throws<LogInUseException>(() => LogInspector.Open(_directory["log"]));
        Assert.Throws<LogInUseException>(() => LogRepair.TruncateAtFirstError(_directory["log"]));
    }

    [Fact]
    public async Task A_log_without_its_lock_file_is_protected_by_a_lock_on_the_directory()
    {
        await WriteAsync("nothing");
        File.Delete(Path.Combine(_directory["log"], "LOCK"));
        var before = Hashes();
        using (var inspector = LogInspector.Open(_directory["log"]))
        {
            Assert.Null(inspector.LockProblem);
            Assert.Throws<LogInUseException>(() => LogInspector.Open(_directory["log"]));
            Assert.True(inspector.Verify().IsSound);
        }

        Assert.Equal(before, Hashes());
    }

    [Fact]
    public async Task A_directory_without_a_log_stays_without_one()
    {
        Assert.Throws<DirectoryNotFoundException>(() => LogInspector.Open(_directory["nowhere"]));
        Assert.False(Directory.Exists(_directory["nowhere"]));
        await WriteAsync("nothing");
        Directory.CreateDirectory(_directory["empty"]);
        using var empty = LogInspector.Open(_directory["empty"]);
        Assert.Throws<FileNotFoundException>(() => empty.Verify());
    }

    [Fact]
    public async Task Verification_and_opening_agree_about_every_flipped_byte_of_a_log_that_was_not_closed()
    {
        await using (var log = DiskLog.Open(_directory["writer"]))
        {
            foreach (var text in (string[])["first", "second", "third"])
                await log.AppendBatchAsync(RecordBatch.OfText(text, ""));
            _directory.Copy("writer", "log");
        }

        var path = Path.Combine(_directory["log"], SegmentName.Of(0));
        var bytes = File.ReadAllBytes(path)[..(HeaderBytes + 1024)];
        var end = Array.FindLastIndex(bytes, value => value != 0) + 1;
        for (var i = HeaderBytes; i < end; i++)
        {
            var damaged = bytes.ToArray();
            damaged[i] ^= 0x11;
            File.WriteAllBytes(path, damaged);
            LogVerification verification;
            using (var inspector = LogInspector.Open(_directory["log"]))
                verification = inspector.Verify();
            try
            {
                await using var log = DiskLog.Open(_directory["log"]);
                Assert.True(verification.IsSound, $"a flip at byte {i}");
                Assert.Equal(log.Recovery.CutBytes, verification.Segments[0].UnfinishedBytes);
                Assert.Equal(log.Recovery.Range, verification.Range);
            }
            catch (LogDamagedException exception)
            {
                var found = Assert.Single(verification.Damages);
                Assert.Equal((exception.File, exception.Position, exception.Offset), (found.File, found.Position, found.Offset));
            }
        }
    }

    private static IEnumerable<string> Texts => Enumerable.Range(0, 12).Select(Text);

    private static string Text(int offset) => $"{offset} {new string((char)('a' + offset), 15_000)}";

    /// <summary>
    /// Writes the log and damages it. Returns the positions of the last frame and of the end of each segment before the damage.
    /// </summary>
    private async Task<List<(int LastFrame, int End)>> WriteAsync(string damage)
    {
        var log = DiskLog.Open(_directory["log"], new DiskLogOptions { SegmentLimitBytes = 64 * 1024 });
        await using (log)
        {
            for (var i = 0; i < 12; i += 2)
                await log.AppendBatchAsync(RecordBatch.OfText(Text(i), Text(i + 1)));
        }

        var segments = Segments();
        Assert.Equal(3, segments.Count);
        List<(int LastFrame, int End)> positions;
        using (var inspector = LogInspector.Open(_directory["log"]))
        {
            var frames = inspector.Dump().Select(entry => entry.Frame).OfType<FrameReport>().ToList();
            positions = segments.Select((path, i) => ((int)frames[(2 * i) + 1].Position, (int)new FileInfo(path).Length)).ToList();
        }

        var which = damage.Contains("first segment", StringComparison.Ordinal) ? 0
            : damage.Contains("last segment", StringComparison.Ordinal) ? 2 : 1;
        var segment = segments[which];
        var lastFrame = positions[which].LastFrame;
        switch (damage.Split(',')[0])
        {
            case "nothing":
                break;
            case "START beyond the end":
                StartFileOf(100);
                break;
            case "torn tail":
                Append(segments[2], RandomNumberGenerator.GetBytes(30).Append((byte)1).ToArray());
                break;
            case "zeros after the last segment":
                Append(segments[2], new byte[5000]);
                break;
            case "flip in the header's magic":
                Flip(segment, 3);
                break;
            case "flip in the header's zeros":
                Flip(segment, 100);
                break;
            case "flip in the seal":
                Flip(segment, SegmentHeader.SealPosition + 8);
                break;
            case "flip in the first frame's header":
                Flip(segment, HeaderBytes + 5);
                break;
            case "flip in the last frame's header":
                Flip(segment, lastFrame + 9);
                break;
            case "flip in the last frame's payload":
                Flip(segment, ^10);
                break;
            case "flips in two segments":
                Flip(segments[0], ^10);
                Flip(segments[2], ^10);
                break;
            case "first segment missing":
                File.Delete(segments[0]);
                break;
            case "middle segment missing":
                File.Delete(segments[1]);
                break;
            case "last segment missing":
                File.Delete(segments[2]);
                break;
            case "cut in the middle of a frame":
                Rewrite(segment, bytes => bytes, bytes => bytes[..(lastFrame + 100)]);
                break;
            case "cut inside the header":
                Rewrite(segment, bytes => bytes, bytes => bytes[..1000]);
                break;
            case "something after the frames":
                Append(segment, [1, 2, 3]);
                break;
            case "START damaged":
                StartFileOf(0);
                Flip(Path.Combine(_directory["log"], StartFile.Name), 17);
                break;
            case "foreign version of a segment":
                Rewrite(segment, SetVersion3);
                break;
            case "foreign version of START":
                StartFileOf(0);
                Rewrite(Path.Combine(_directory["log"], StartFile.Name), SetVersion3);
                break;
            default:
                Assert.Fail($"no such damage: {damage}");
                break;
        }

        return positions;
    }

    private static object SetVersion3(byte[] bytes)
    {
        bytes[8] = 3;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(28), Crc32C.Append(0, bytes.AsSpan(0, 28)));
        return bytes;
    }

    private void StartFileOf(ulong offset) =>
        File.WriteAllBytes(Path.Combine(_directory["log"], StartFile.Name), StartFile.Encode(offset, null));

    private List<string> Segments() => [.. Directory.GetFiles(_directory["log"], "*.log").Order(StringComparer.Ordinal)];

    private static void Append(string path, byte[] tail) => Rewrite(path, bytes => bytes, bytes => [.. bytes, .. tail]);

    private static void Flip(string path, Index position) => Rewrite(path, bytes => bytes[position] ^= 0x20);

    private static void Rewrite<T>(string path, Func<byte[], T> change, Func<byte[], byte[]>? replace = null)
    {
        var bytes = File.ReadAllBytes(path);
        change(bytes);
        File.WriteAllBytes(path, replace?.Invoke(bytes) ?? bytes);
    }

    private static string Describe(LogVerification log, List<(int LastFrame, int End)> positions) => log.IsSound ? Sound
        : string.Join("; ", log.Damages.Select(damage =>
        {
            var isSegment = SegmentName.TryParse(damage.File, out var baseOffset);
            var segment = (int)(baseOffset / 4);
            var which = !isSegment ? damage.File : log.StartDamages.Contains(damage) ? $"START-OF {segment}" : $"{segment}";
            var position = !isSegment || segment >= positions.Count ? $"{damage.Position}"
                : damage.Position == positions[segment].LastFrame ? "last"
                : damage.Position == positions[segment].End ? "end" : $"{damage.Position}";
            return $"{which} {damage.Kind} {position} offset {damage.Offset}";
        }));

    private Dictionary<string, string> Hashes() =>
        AllBytes().ToDictionary(file => file.Key, file => Convert.ToHexString(SHA256.HashData(file.Value)));

    private Dictionary<string, byte[]> AllBytes() =>
        Directory.GetFiles(_directory["log"]).ToDictionary(path => Path.GetFileName(path), path =>
            Path.GetFileName(path) == "LOCK" ? [] : File.ReadAllBytes(path)); // it may be locked

    // An index can be recreated from its segment.
    private static bool IsIndex(string name) => name.EndsWith(".idx", StringComparison.Ordinal);

    /// <summary>Checks that every byte that is no longer in its file is in a file that the report names.</summary>
    private void AssertKept(Dictionary<string, byte[]> before, LogRepairReport report)
    {
        var now = AllBytes();
        Assert.Equal(now.Keys.Except(before.Keys).Where(name => !IsIndex(name)).Order(), report.KeptIn.Order());
        foreach (var (name, bytes) in before)
        {
            if (name == StartFile.Name)
                Assert.Equal(bytes, now["START.removed"]);
            else if (name == "LOCK" || IsIndex(name))
                continue;
            else if (!now.TryGetValue(name, out var left))
                Assert.Equal(bytes, now[$"{name}.removed"]);
            else if (left.Length < bytes.Length)
                Assert.Equal(bytes[left.Length..], now[$"{name}.removed-{left.Length}"]);
            else if (!left.AsSpan(HeaderBytes).SequenceEqual(bytes.AsSpan(HeaderBytes)))
                Assert.Fail($"{name} was changed");
            else if (report.Mended.Any(damage => damage.File == name))
                Assert.Equal(bytes[..HeaderBytes], now[$"{name}.removed-0"]);
        }
    }
}
