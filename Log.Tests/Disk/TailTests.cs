using LogKit.Disk;
using LogKit.Disk.Format;
using LogKit.Disk.Inspection;
using LogKit.Tests.Disk.Simulation;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// The tail of a log, row by row: what opening does, that verification reports the same, that repair fixes what opening refuses, and that
/// data that was cut off does not come back.
/// </summary>
public sealed class TailTests
{
    private static readonly DiskLogOptions Options = new() { ReserveBytes = 8 * 1024 };

    public static TheoryData<string, uint> Findings
    {
        get
        {
            var findings = new TheoryData<string, uint>();
            foreach (var row in TailTable.Rows)
            {
                findings.Add(row.Finding, 1);
                findings.Add(row.Finding, 2);
            }

            return findings;
        }
    }

    [Theory]
    [MemberData(nameof(Findings))]
    public async Task Every_finding_at_the_tail_has_the_outcome_in_the_table(string finding, uint version)
    {
        var row = TailTable.Rows.Single(row => row.Finding == finding).Of(version);
        var number = 0;
        foreach (var tail in CasesOf(row, version))
        {
            number++;
            try
            {
                if (row.Outcome == TailOutcome.Refused)
                    await CheckRefusedAsync(row, tail);
                else
                    await CheckOpensAsync(row, tail);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"case {number}: {tail}", exception);
            }
        }

        Assert.NotEqual(0, number);
    }

    [Fact]
    public async Task Data_that_was_cut_off_does_not_come_back_after_a_kill_and_a_power_loss_during_openings()
    {
        // After the cut, the file ends at the seal, as after a close. B would fit after a frame that is written in place of A.
        var scene = new TailScene(100, isEmpty: false);
        var bytes = scene.File([.. new byte[scene.A.Length], .. scene.B], new Seal(scene.Position, scene.NextOffset), TailScene.Salt);
        var tail = new Tail(bytes, scene.Position, scene.Texts, scene.TextOfA, 0);
        for (var kill = 0; kill < 4; kill++)
        {
            for (var point = 0; point < 8; point++)
            {
                var killed = DiskOf(tail);
                killed.PowerLossAt = killed.OperationCount + kill;
                Assert.Throws<PowerLostException>(() => Open(killed));
                var disk = killed.AfterKill();
                disk.PowerLossAt = point;
                await TryAppendAsync(disk, tail);
                for (var image = 0; image < 300; image++)
                    await CheckNothingCameBackAsync(
                        disk.AfterPowerLoss(new Random(image)), tail, $"killed at {kill}, image {image}\n{disk.Trace}");
            }
        }
    }

    [Fact]
    public void The_table_in_the_format_s_description_has_the_same_rows()
    {
        var rows = File.ReadLines(Repository.PathOf("Log.Disk/FORMAT.md"))
            .SkipWhile(line => line != "## What can be found at the tail").Skip(1)
            .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(1) // the header row
            .Select(line => string.Join(" | ", line.Split('|').Skip(1).Take(2).Select(cell => cell.Trim())));
        Assert.Equal(TailTable.Rows.Select(row => $"{row.Finding} | {row.Verdict}"), rows);
    }

    /// <summary>A file, and what must remain of it.</summary>
    private sealed record Tail(byte[] File, int FrameEnd, string[] Texts, string TextOfFirst, long DamagedAt)
    {
        public override string ToString() => $"{File.Length} bytes, frames up to {FrameEnd}";
    }

    private static IEnumerable<Tail> CasesOf(TailRow row, uint version)
    {
        foreach (var sectorPosition in row.SectorPositions)
        {
            var scene = new TailScene(sectorPosition, row.IsEmpty, version);
            foreach (var tail in row.Tails(scene))
            {
                var bytes = scene.File(tail, row.Seal(scene), row.SealSalt);
                var (texts, end) = (scene.Texts.ToList(), scene.Position);
                for (var i = 0; i < row.Kept; i++)
                {
                    Assert.True(FrameHeader.TryRead(bytes.AsSpan(end), end, scene.Header.Salts, out var frame));
                    var batch = RecordBatch.Decode(bytes.AsMemory(end + FrameHeader.SizeBytes, frame.PayloadBytes));
                    texts.AddRange(batch.Select(record => record.ToString()));
                    end += frame.FrameBytes;
                }

                foreach (var (file, damagedAt) in row.Files?.Invoke(bytes) ?? [(bytes, end)])
                    yield return new Tail(file, end, [.. texts], row.TextOfFirst(scene), damagedAt);
            }
        }
    }

    private static async Task CheckOpensAsync(TailRow row, Tail tail)
    {
        var cutBytes = Math.Max(0, Array.FindLastIndex(tail.File, value => value != 0) + 1 - tail.FrameEnd);
        Assert.Equal(row.Outcome == TailOutcome.Cut, cutBytes > 0);

        var verification = Verify(DiskOf(tail));
        Assert.Equal(cutBytes, verification.Segments[0].UnfinishedBytes);
        Assert.Equal(row.Problem.Length > 0, verification.Damages.Any());
        Assert.All(verification.Damages, damage =>
        {
            Assert.Equal(DamageKind.Margin, damage.Kind);
            Assert.Contains(row.Problem, damage.Problem, StringComparison.Ordinal);
        });

        var disk = DiskOf(tail);
        await using (var log = Open(disk))
        {
            Assert.Equal(cutBytes, log.Recovery.CutBytes);
            Assert.Equal(verification.Range, log.Recovery.Range);
            Assert.Equal(tail.Texts, await log.ReadAllTextAsync());
        }

        await CheckContinuesAsync(DiskOf(tail), tail);
        if (row.Outcome == TailOutcome.Cut)
            await CheckNothingComesBackAsync(tail);
    }

    private static async Task CheckRefusedAsync(TailRow row, Tail tail)
    {
        var disk = DiskOf(tail);
        var damaged = Assert.Throws<LogDamagedException>(() => Open(disk));
        Assert.Equal((SegmentName.Of(0), tail.DamagedAt), (damaged.File, damaged.Position));
        Assert.Equal(tail.DamagedAt < SegmentHeader.SizeBytes ? 0 : (ulong)tail.Texts.Length, damaged.Offset);
        Assert.Contains(row.Problem, damaged.Message, StringComparison.Ordinal);
        Assert.Equal(tail.File, ContentOf(disk));

        var found = Assert.Single(Verify(disk).Damages);
        Assert.Equal(DamageKind.Records, found.Kind);
        Assert.Equal((damaged.File, damaged.Position, damaged.Offset), (found.File, found.Position, found.Offset));
        Assert.EndsWith(found.Problem, damaged.Message, StringComparison.Ordinal);

        using var storage = new SimulatedStorage(disk);
        var repair = LogRepair.TruncateAtFirstError(storage);
        Assert.Equal(tail.DamagedAt < SegmentHeader.SizeBytes, repair.Refusal is not null);
        if (repair.Refusal is null)
            await CheckContinuesAsync(disk, tail);
    }

    /// <summary>
    /// Checks that the log accepts an append, and that it opens with that append after a close, a kill, and a power loss.
    /// </summary>
    private static async Task CheckContinuesAsync(SimulatedDisk disk, Tail tail)
    {
        string[] expected = [.. tail.Texts, Instead(tail)];
        List<SimulatedDisk> left;
        await using (var log = Open(disk))
        {
            await log.AppendBatchAsync(RecordBatch.OfText(Instead(tail)));
            left = [disk.AfterPowerLoss(new Random(0)), disk.AfterPowerLoss(new Random(1))];
        }

        foreach (var after in (SimulatedDisk[])[disk, .. left])
        {
            await using var reopened = Open(after);
            Assert.Equal(expected, await reopened.ReadAllTextAsync());
        }
    }

    /// <summary>
    /// Loses power at each operation of an opening and an append. The frame of the append is as long as the first frame that was cut off,
    /// so whatever followed that frame would fit after it.
    /// </summary>
    private static async Task CheckNothingComesBackAsync(Tail tail)
    {
        for (var point = 0; ; point++)
        {
            var disk = DiskOf(tail);
            disk.PowerLossAt = disk.OperationCount + point;
            if (await TryAppendAsync(disk, tail))
                return;
            await CheckNothingCameBackAsync(disk.AfterPowerLoss(new Random(point)), tail, $"power lost at {point}\n{disk.Trace}");
        }
    }

    /// <summary>Opens the log and appends. Returns true if power was not lost.</summary>
    private static async Task<bool> TryAppendAsync(SimulatedDisk disk, Tail tail)
    {
        try
        {
            await using var log = Open(disk);
            await log.AppendBatchAsync(RecordBatch.OfText(Instead(tail)));
            return disk.OperationCount < disk.PowerLossAt;
        }
        catch (Exception exception) when (exception is IOException or LogException)
        {
            return false;
        }
    }

    private static async Task CheckNothingCameBackAsync(SimulatedDisk disk, Tail tail, string context)
    {
        await using var reopened = Open(disk);
        var texts = await reopened.ReadAllTextAsync();
        Assert.True(texts.SequenceEqual(tail.Texts) || texts.SequenceEqual([.. tail.Texts, Instead(tail)]), context);
    }

    private static string Instead(Tail tail) => tail.TextOfFirst.Replace('a', 'i');

    private static DiskLog Open(SimulatedDisk disk) => DiskLog.Open(new SimulatedStorage(disk), Options);

    private static LogVerification Verify(SimulatedDisk disk)
    {
        using var inspector = new LogInspector(new SimulatedStorage(disk));
        return inspector.Verify();
    }

    private static SimulatedDisk DiskOf(Tail tail)
    {
        var disk = new SimulatedDisk();
        using var storage = new SimulatedStorage(disk);
        using var file = storage.Create(SegmentName.Of(0));
        file.Write(tail.File, 0);
        file.Flush();
        storage.FlushDirectory();
        return disk;
    }

    private static byte[] ContentOf(SimulatedDisk disk)
    {
        var inode = disk.Names[SegmentName.Of(0)];
        var bytes = new byte[inode.Length];
        inode.Read(bytes, 0);
        return bytes;
    }
}
