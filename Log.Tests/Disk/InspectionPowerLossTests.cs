using LogKit.Disk.Format;
using LogKit.Disk.Inspection;
using LogKit.Tests.Disk.Simulation;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// A repair that loses power or is killed at any operation, and is then run again, has the same result as an uninterrupted repair.
/// </summary>
public sealed class InspectionPowerLossTests
{
    private const int ImagesPerPoint = 8;

    /// <summary>The damage, and how many of the twelve records remain.</summary>
    public static TheoryData<string, int> Damages => new()
    {
        { "frame of the first segment", 0 },
        { "frame of the middle segment", 4 },
        { "frame of the last segment", 8 },
        { "last frame of the last segment", 10 },
        { "header of the middle segment", 4 },
        { "header of the last segment", 8 },
        { "seal of the middle segment", 12 },
        { "seal of the last segment", 12 },
        { "missing: the middle segment", 4 },
        { "missing: the last segment", 8 },
        { "START", 12 },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_repair_interrupted_anywhere_and_run_again_has_the_same_result(string damage, int left)
    {
        var seed = TestSeed.Next();
        var damaged = await WriteAsync(damage);
        var whole = Copy(damaged);
        Assert.True(Repair(whole)!.After.IsSound);
        var expected = Content(whole);
        Assert.True(whole.OperationCount > 1, $"the repair has {whole.OperationCount} operations only");

        for (var point = 0; point < whole.OperationCount; point++)
        {
            var interrupted = Copy(damaged);
            interrupted.PowerLossAt = point;
            Assert.Null(Repair(interrupted));
            for (var image = 0; image <= ImagesPerPoint * TestSeed.Effort; image++)
            {
                var random = new Random(TestSeed.Mix(seed, point, image));
                // Must be the last image, because it shares its files with the interrupted disk.
                var isKill = image == ImagesPerPoint * TestSeed.Effort;
                var disk = isKill ? interrupted.AfterKill() : AfterPowerLoss(interrupted, damaged, random);
                var again = Repair(disk);
                var context = $"seed {seed}, interrupted at {point}, image {image}\n{interrupted.Trace}\nagain:\n{disk.Trace}";
                Assert.True(again is { Refusal: null, After.IsSound: true }, context);
                foreach (var (name, bytes) in expected)
                    Assert.True(Content(disk).GetValueOrDefault(name) == bytes, $"{context}\n{name} is not the same");
                Assert.True(Content(disk).Count == expected.Count, $"{context}\n{string.Join(' ', Content(disk).Keys)}");
            }
        }

        await using var log = ScriptedRun.Open(whole);
        Assert.Equal(Enumerable.Range(0, left).Select(Text), await log.ReadAllTextAsync());
    }

    [Fact]
    public async Task A_repair_that_fails_at_any_operation_can_be_retried()
    {
        var damaged = await WriteAsync("frame of the middle segment");
        var whole = Copy(damaged);
        Repair(whole);
        for (var n = 0; n < whole.OperationCount; n++)
        {
            var disk = Copy(damaged);
            disk.Fault = (number, _) => number == n ? new IOException("input/output error") : null;
            Assert.Null(Repair(disk));
            disk.Fault = (_, _) => null;
            Assert.True(Repair(disk) is { After.IsSound: true }, $"the failure at {n}\n{disk.Trace}");
            await using var log = ScriptedRun.Open(disk);
            Assert.Equal(Enumerable.Range(0, 4).Select(Text), await log.ReadAllTextAsync());
        }
    }

    private static string Text(int offset) => $"{offset} {new string((char)('a' + offset), 15_000)}";

    private static async Task<SimulatedDisk> WriteAsync(string damage)
    {
        var disk = new SimulatedDisk();
        await using (var log = ScriptedRun.Open(disk))
        {
            for (var i = 0; i < 12; i += 2)
                await log.AppendBatchAsync(RecordBatch.OfText(Text(i), Text(i + 1)));
        }

        var names = disk.Names.Keys.Where(name => SegmentName.TryParse(name, out _)).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(3, names.Count);
        var segment = names[damage.Contains("first segment", StringComparison.Ordinal) ? 0
            : damage.EndsWith("last segment", StringComparison.Ordinal) ? 2 : 1];
        var inode = disk.Names[segment];
        if (damage.StartsWith("frame", StringComparison.Ordinal))
            inode.Flip(SegmentHeader.SizeBytes + 50, 1);
        else if (damage.StartsWith("last frame", StringComparison.Ordinal))
            inode.Flip(inode.Length - 5, 1);
        else if (damage.StartsWith("header", StringComparison.Ordinal))
            inode.Flip(20, 1);
        else if (damage.StartsWith("seal", StringComparison.Ordinal))
            inode.Flip(SegmentHeader.SealPosition + 9, 1);
        else if (damage == "START")
        {
            using var storage = new SimulatedStorage(disk);
            StartFile.Replace(storage, 2, null);
            disk.Names[StartFile.Name].Flip(3, 1);
        }
        else
        {
            disk.Names.Remove(segment);
            disk.MakeNamesDurable();
        }

        return disk;
    }

    /// <summary>Runs a repair. Returns null if it was interrupted.</summary>
    private static LogRepairReport? Repair(SimulatedDisk disk)
    {
        using var storage = new SimulatedStorage(disk);
        try
        {
            return LogRepair.TruncateAtFirstError(storage);
        }
        catch (IOException)
        {
            return null;
        }
    }

    // Everything on the disk is flushed, so nothing is lost.
    private static SimulatedDisk Copy(SimulatedDisk disk) => disk.AfterPowerLoss(new Random(0));

    /// <summary>
    /// The simulated disk can lose both names of a file that is being renamed. No file system does that: the file keeps the old name or has
    /// the new one. Such images are skipped.
    /// </summary>
    private static SimulatedDisk AfterPowerLoss(SimulatedDisk interrupted, SimulatedDisk before, Random random)
    {
        while (true)
        {
            var disk = interrupted.AfterPowerLoss(random);
            if (before.Names.Keys.All(name => !SegmentName.TryParse(name, out _) || disk.Names.Keys.Any(
                left => left == name || left == $"{name}.removed")))
                return disk;
        }
    }

    private static Dictionary<string, string> Content(SimulatedDisk disk) => disk.Names
        .Where(file => !file.Key.EndsWith(".tmp", StringComparison.Ordinal)) // leftovers, which are replaced or ignored
        .ToDictionary(file => file.Key, file =>
        {
            var bytes = new byte[file.Value.Length];
            file.Value.Read(bytes, 0);
            return Convert.ToHexString(bytes);
        });
}
