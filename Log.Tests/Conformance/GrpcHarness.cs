using System.Collections.Concurrent;
using LogKit.Conformance;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance;

/// <summary>The logs of another harness, each behind its own server, which starts, stops, and crashes with it.</summary>
public abstract class GrpcHarness(LogHarness inner) : LogHarness
{
    private readonly ConcurrentDictionary<string, (ILog Log, TestServer Server)> _servers = [];

    public override string? ReasonToSkip => inner.ReasonToSkip;

    // The wire has no truncation.
    public override LogCapabilities Capabilities =>
        (inner.Capabilities & ~LogCapabilities.Truncate) | LogCapabilities.SecondClient | LogCapabilities.Disconnect;

    public override int BatchLimitBytes => inner.BatchLimitBytes;

    public override int RaceRounds => 500;

    public override async ValueTask<ILog> OpenAsync(string name)
    {
        await StopAsync(name);
        return await ServeAsync(name, await inner.OpenAsync(name));
    }

    public override async ValueTask<ILog> OpenAtAsync(string name, ulong startOffset) =>
        await ServeAsync(name, await inner.OpenAtAsync(name, startOffset));

    public override ValueTask<ILog> OpenSecondClientAsync(string name) =>
        ValueTask.FromResult<ILog>(_servers[name].Server.ConnectOverNetwork());

    public override async ValueTask CrashAsync(string name)
    {
        await inner.CrashAsync(name);
        await StopAsync(name);
    }

    public override ValueTask<bool> CrashSoonAsync(string name, int steps) => inner.CrashSoonAsync(name, steps);

    public override async ValueTask<long> GetStoredBytesAsync(string name)
    {
        await StopAsync(name);
        return await inner.GetStoredBytesAsync(name);
    }

    public override ValueTask CutAsync(string name, long length) => inner.CutAsync(name, length);

    public override async ValueTask FlipByteAsync(string name, long position)
    {
        await StopAsync(name);
        await inner.FlipByteAsync(name, position);
    }

    public override ValueTask BreakStorageAsync(string name) => inner.BreakStorageAsync(name);

    public override ValueTask HealStorageAsync(string name) => inner.HealStorageAsync(name);

    public override ValueTask DisconnectAsync(string name)
    {
        _servers[name].Server.Network.Disconnect();
        return ValueTask.CompletedTask;
    }

    public override ValueTask ReconnectAsync(string name)
    {
        _servers[name].Server.Network.Reconnect();
        return ValueTask.CompletedTask;
    }

    public override async ValueTask RemoveAsync(string name)
    {
        await StopAsync(name);
        await inner.RemoveAsync(name);
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var name in _servers.Keys)
            await StopAsync(name);
        await inner.DisposeAsync();
        await base.DisposeAsync();
    }

    private async Task<ILog> ServeAsync(string name, ILog log)
    {
        // Where the log dies, the server has to say so in its journal.
        var server = await TestServer.StartAsync(log, expectsJournalEntries: inner.Capabilities.HasFlag(LogCapabilities.Crash));
        _servers[name] = (log, server);
        return server.ConnectOverNetwork();
    }

    private async Task StopAsync(string name)
    {
        if (!_servers.TryRemove(name, out var hosted))
            return;
        await hosted.Server.DisposeAsync();
        await hosted.Log.DisposeAsync();
    }
}

public sealed class GrpcOverInMemoryHarness() : GrpcHarness(new InMemoryHarness());

public sealed class GrpcOverDiskHarness() : GrpcHarness(new DiskHarness());

public sealed class GrpcOverSimulatedDiskHarness() : GrpcHarness(new SimulatedDiskHarness());
