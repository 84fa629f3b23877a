using System.Collections.Concurrent;
using LogKit.Conformance;
using LogKit.Disk;
using LogKit.Tests.Disk.Simulation;

namespace LogKit.Tests.Conformance;

/// <summary>The disk log on a simulated file system, which can lose power at any operation, be damaged, and fail.</summary>
public sealed class SimulatedDiskHarness : LogHarness
{
    private const int SegmentHeaderBytes = 4096;

    private static readonly DiskLogOptions SmallSegments = new() { SegmentLimitBytes = 64 * 1024, ReserveBytes = 8 * 1024 };

    private readonly ConcurrentDictionary<string, SimulatedDisk> _disks = [];
    private readonly ConcurrentDictionary<string, bool> _crashed = [];
    private int _crashes;

    public override LogCapabilities Capabilities =>
        LogCapabilities.Reopen | LogCapabilities.Crash | LogCapabilities.Damage | LogCapabilities.Faults | LogCapabilities.Truncate
        | LogCapabilities.SeededStart | LogCapabilities.Limits;

    public override int RaceRounds => 3_000;

    public override ValueTask<ILog> OpenAsync(string name) => OpenAtAsync(name, 0);

    public override ValueTask<ILog> OpenAtAsync(string name, ulong startOffset) =>
        ValueTask.FromResult<ILog>(DiskLog.Open(new SimulatedStorage(DiskOf(name)), SmallSegments, startOffset));

    public override ValueTask CrashAsync(string name)
    {
        // Nothing more comes through; what did is found out once what still runs has noticed, by the next use of the disk.
        _disks[name].Unforeseen = new PowerLostException();
        _crashed[name] = true;
        return ValueTask.CompletedTask;
    }

    public override ValueTask<bool> CrashSoonAsync(string name, int steps)
    {
        var disk = _disks[name];
        disk.PowerLossAt = disk.OperationCount + steps;
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
        _disks[name].Fault = (_, _) => new IOException("input/output error");
        return ValueTask.CompletedTask;
    }

    public override ValueTask HealStorageAsync(string name)
    {
        _disks[name].Fault = (_, _) => null;
        return ValueTask.CompletedTask;
    }

    public override ValueTask RemoveAsync(string name)
    {
        _disks.TryRemove(name, out _);
        return ValueTask.CompletedTask;
    }

    private SimulatedDisk DiskOf(string name)
    {
        if (_crashed.TryRemove(name, out _))
            _disks[name] = _disks[name].AfterPowerLoss(new Random(Interlocked.Increment(ref _crashes)));
        return _disks.GetOrAdd(name, _ => new SimulatedDisk());
    }

    private Inode LastSegmentOf(string name) =>
        DiskOf(name)
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
