using System.Collections.Concurrent;
using LogKit.Conformance;
using LogKit.Disk;
using LogKit.InMemory;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance;

public sealed class InMemoryHarness : LogHarness
{
    public override ValueTask<ILog> OpenAsync(string name) => ValueTask.FromResult<ILog>(new InMemoryLog());
}

public sealed class DiskHarness : LogHarness
{
    private readonly TestDirectory _directory = new();

    // Small segments, so that every rule meets a roll.
    public override ValueTask<ILog> OpenAsync(string name) =>
        ValueTask.FromResult<ILog>(DiskLog.Open(_directory[name], new DiskLogOptions { SegmentLimitBytes = 64 * 1024 }));

    public override ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return base.DisposeAsync();
    }
}

/// <summary>Another harness's logs, each behind a server of its own.</summary>
public abstract class GrpcHarness(LogHarness inner) : LogHarness
{
    private readonly ConcurrentDictionary<string, (ILog Log, TestServer Server)> _servers = [];

    public override LogCapabilities Capabilities => LogCapabilities.SecondClient;

    public override int BatchLimitBytes => inner.BatchLimitBytes;

    public override int RaceRounds => 500;

    public override async ValueTask<ILog> OpenAsync(string name)
    {
        var log = await inner.OpenAsync(name);
        var server = await TestServer.StartAsync(log);
        _servers[name] = (log, server);
        return server.Connect();
    }

    public override ValueTask<ILog> OpenSecondClientAsync(string name) => ValueTask.FromResult<ILog>(_servers[name].Server.Connect());

    public override async ValueTask DisposeAsync()
    {
        foreach (var (log, server) in _servers.Values)
        {
            await server.DisposeAsync();
            await log.DisposeAsync();
        }

        await inner.DisposeAsync();
        await base.DisposeAsync();
    }
}

public sealed class GrpcOverInMemoryHarness() : GrpcHarness(new InMemoryHarness());

public sealed class GrpcOverDiskHarness() : GrpcHarness(new DiskHarness());
