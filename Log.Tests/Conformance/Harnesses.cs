// How the suite gets at the logs that live in this process. See SimulatedDiskHarness and GrpcHarness for the others.

using LogKit.Conformance;
using LogKit.Disk;
using LogKit.InMemory;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance;

public sealed class InMemoryHarness : LogHarness
{
    public override LogCapabilities Capabilities => LogCapabilities.Truncate | LogCapabilities.SeededStart | LogCapabilities.Limits;

    public override ValueTask<ILog> OpenAsync(string name) => OpenAtAsync(name, 0);

    public override ValueTask<ILog> OpenAtAsync(string name, ulong startOffset) =>
        ValueTask.FromResult<ILog>(new InMemoryLog(new InMemoryLogOptions { StartOffset = startOffset }));
}

/// <summary>The disk log over real files.</summary>
public sealed class DiskHarness : LogHarness
{
    private readonly TestDirectory _directory = new();

    public override LogCapabilities Capabilities => LogCapabilities.Reopen | LogCapabilities.Truncate | LogCapabilities.Limits;

    public override int RaceRounds => 3_000;

    // Small segments, so that every rule meets a roll.
    public override ValueTask<ILog> OpenAsync(string name) =>
        ValueTask.FromResult<ILog>(DiskLog.Open(_directory[name], new DiskLogOptions { SegmentLimitBytes = 64 * 1024 }));

    public override ValueTask RemoveAsync(string name)
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
