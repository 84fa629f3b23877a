using LogKit.Conformance;
using LogKit.Disk;
using LogKit.Tests.Disk.Simulation;

namespace LogKit.Tests.Conformance;

/// <summary>The disk log on a simulated file system, which can lose power at any operation, be damaged, and fail.</summary>
public sealed class SimulatedDiskHarness : LogHarness
{
    private const int SegmentHeaderBytes = 4096;

    private static readonly DiskLogOptions SmallSegments = new() { SegmentLimitBytes = 64 * 1024, ReserveBytes = 8 * 1024 };

    private readonly SimulatedDisks _disks = new();

    public override LogCapabilities Capabilities =>
        LogCapabilities.Reopen | LogCapabilities.Crash | LogCapabilities.Damage | LogCapabilities.Faults | LogCapabilities.Truncate
        | LogCapabilities.SeededStart | LogCapabilities.Limits;

    public override int RaceRounds => 3_000;

    public override ValueTask<ILog> OpenAsync(string name) => OpenAtAsync(name, 0);

    public override ValueTask<ILog> OpenAtAsync(string name, ulong startOffset) =>
        ValueTask.FromResult<ILog>(DiskLog.Open(new SimulatedStorage(_disks.Of(name)), SmallSegments, startOffset));

    public override ValueTask CrashAsync(string name)
    {
        _disks.Crash(name);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<bool> CrashSoonAsync(string name, int steps)
    {
        _disks.CrashAfter(name, steps);
        return ValueTask.FromResult(true);
    }

    public override ValueTask<long> GetStoredBytesAsync(string name)
    {
        var bytes = BytesOf(LastSegmentOf(name));
        return ValueTask.FromResult<long>(Array.FindLastIndex(bytes, value => value != 0) + 1 - SegmentHeaderBytes);
    }

    public override ValueTask CutAsync(string name, long length)
    {
        var segment = LastSegmentOf(name);
        var start = SegmentHeaderBytes + length;
        segment.Write(new byte[segment.Length - start], start);
        segment.MakeDurable();
        return ValueTask.CompletedTask;
    }

    public override ValueTask FlipByteAsync(string name, long position)
    {
        LastSegmentOf(name).Flip(SegmentHeaderBytes + position, 0xFF);
        return ValueTask.CompletedTask;
    }

    public override ValueTask BreakStorageAsync(string name)
    {
        _disks.Break(name);
        return ValueTask.CompletedTask;
    }

    public override ValueTask HealStorageAsync(string name)
    {
        _disks.Heal(name);
        return ValueTask.CompletedTask;
    }

    public override ValueTask RemoveAsync(string name)
    {
        _disks.Remove(name);
        return ValueTask.CompletedTask;
    }

    private Inode LastSegmentOf(string name) =>
        _disks.Of(name)
            .Names.Where(file => file.Key.EndsWith(".log", StringComparison.Ordinal))
            .MaxBy(file => file.Key, StringComparer.Ordinal)
            .Value;

    private static byte[] BytesOf(Inode file)
    {
        var bytes = new byte[file.Length];
        file.Read(bytes, 0);
        return bytes;
    }
}
