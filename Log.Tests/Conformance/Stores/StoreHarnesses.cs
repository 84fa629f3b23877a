using LogKit.Conformance;
using LogKit.Conformance.Xunit;
using LogKit.Disk;
using LogKit.InMemory;
using LogKit.Tests.Disk.Simulation;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance.Stores;

public sealed class InMemoryStoreHarness : LogStoreHarness
{
    public override LogCapabilities Capabilities => LogCapabilities.Truncate | LogCapabilities.SeededStart | LogCapabilities.Limits;

    public override int RaceRounds => 1_000;

    public override ValueTask<ILogStore> OpenStoreAsync(string name) => ValueTask.FromResult<ILogStore>(new InMemoryLogStore());
}

/// <summary>The disk store over real files.</summary>
public sealed class DiskStoreHarness : LogStoreHarness
{
    private readonly TestDirectory _directory = new();

    public override LogCapabilities Capabilities =>
        LogCapabilities.Reopen | LogCapabilities.Truncate | LogCapabilities.SeededStart | LogCapabilities.Limits;

    public override int RaceRounds => 300;

    // Few open logs, so that the rules meet logs that are closed and opened again.
    public override ValueTask<ILogStore> OpenStoreAsync(string name) => ValueTask.FromResult<ILogStore>(DiskLogStore.Open(
        _directory[name],
        new DiskLogStoreOptions { OpenLogLimit = 4, Log = new DiskLogOptions { SegmentLimitBytes = 64 * 1024 } }));

    public override ValueTask RemoveStoreAsync(string name)
    {
        if (Directory.Exists(_directory[name]))
            Directory.Delete(_directory[name], recursive: true);
        return ValueTask.CompletedTask;
    }

    public override ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return base.DisposeAsync();
    }
}

/// <summary>The disk store on a simulated file system, which can lose power at any operation, and fail.</summary>
public sealed class SimulatedDiskStoreHarness : LogStoreHarness
{
    private static readonly DiskLogStoreOptions Options = new()
    {
        OpenLogLimit = 4,
        IdleLimitMs = int.MaxValue, // what a timer does would be in a different order each time
        Log = new DiskLogOptions { SegmentLimitBytes = 64 * 1024, ReserveBytes = 8 * 1024 },
    };

    private readonly SimulatedDisks _disks = new();

    public override LogCapabilities Capabilities =>
        LogCapabilities.Reopen | LogCapabilities.Crash | LogCapabilities.Faults | LogCapabilities.Truncate
        | LogCapabilities.SeededStart | LogCapabilities.Limits;

    public override int RaceRounds => 300;

    public override int ManyLogs => 200;

    public override ValueTask<ILogStore> OpenStoreAsync(string name) =>
        ValueTask.FromResult<ILogStore>(DiskLogStore.Open(new SimulatedStoreStorage(_disks.Of(name)), Options));

    public override ValueTask CrashStoreAsync(string name)
    {
        _disks.Crash(name);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<bool> CrashStoreSoonAsync(string name, int steps)
    {
        _disks.CrashAfter(name, steps);
        return ValueTask.FromResult(true);
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

    public override ValueTask RemoveStoreAsync(string name)
    {
        _disks.Remove(name);
        return ValueTask.CompletedTask;
    }
}

public sealed class InMemoryStoreConformance(InMemoryStoreHarness harness) : LogStoreConformance<InMemoryStoreHarness>(harness);

public sealed class InMemoryStoredLogConformance(InMemoryStoreHarness harness) : LogConformance<InMemoryStoreHarness>(harness);

public sealed class DiskStoreConformance(DiskStoreHarness harness) : LogStoreConformance<DiskStoreHarness>(harness);

public sealed class DiskStoredLogConformance(DiskStoreHarness harness) : LogConformance<DiskStoreHarness>(harness);

public sealed class SimulatedDiskStoreConformance(SimulatedDiskStoreHarness harness)
    : LogStoreConformance<SimulatedDiskStoreHarness>(harness);

public sealed class SimulatedDiskStoredLogConformance(SimulatedDiskStoreHarness harness)
    : LogConformance<SimulatedDiskStoreHarness>(harness);
