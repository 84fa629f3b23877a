using System.Collections.Concurrent;
using LogKit.Conformance;
using LogKit.Conformance.Xunit;
using LogKit.Postgres;
using LogKit.Testing;
using LogKit.Tests.Conformance;

namespace LogKit.Tests.Postgres;

/// <summary>
/// The log on a real database, with a proxy for each log. Cutting all connections of the proxy stands for a crash of the log's process, and
/// for a fault until the proxy is healed.
/// </summary>
public sealed class PostgresHarness : LogHarness
{
    private readonly string _schema = $"harness_{Guid.NewGuid():N}";
    private readonly ConcurrentDictionary<string, NetworkProxy> _proxies = [];

    public override string? ReasonToSkip => PostgresCluster.ReasonToSkip;

    public override LogCapabilities Capabilities =>
        LogCapabilities.SecondClient | LogCapabilities.Reopen | LogCapabilities.Crash | LogCapabilities.Damage | LogCapabilities.Faults
        | LogCapabilities.Truncate | LogCapabilities.SeededStart | LogCapabilities.Limits | LogCapabilities.Disconnect;

    public override int RaceRounds => 100;

    public override ValueTask<ILog> OpenAsync(string name) => OpenAtAsync(name, 0);

    public override async ValueTask<ILog> OpenAtAsync(string name, ulong startOffset)
    {
        if (_proxies.TryRemove(name, out var old))
            await old.DisposeAsync();
        var proxy = _proxies[name] = new NetworkProxy(PostgresCluster.Shared.Port);
        return await OpenAsync(name, proxy, startOffset);
    }

    public override async ValueTask<ILog> OpenSecondClientAsync(string name) => await OpenAsync(name, _proxies[name], 0);

    public override ValueTask CrashAsync(string name)
    {
        _proxies[name].Disconnect();
        return ValueTask.CompletedTask;
    }

    public override async ValueTask<long> GetStoredBytesAsync(string name) =>
        (long)(await ExecuteAsync($"select next_position from {_schema}.logs where name = '{name}'"))!;

    // The database rolls back incomplete transactions as a whole, so a batch that is cut anywhere is removed entirely.
    public override async ValueTask CutAsync(string name, long length) => await ExecuteAsync(
        $"""
        with cut as (
            delete from {_schema}.batches using {_schema}.logs
            where id = log_id and name = '{name}' and position + octet_length(payload) > {length} returning first_offset, position)
        update {_schema}.logs set next_offset = first, next_position = start
        from (select min(first_offset) as first, min(position) as start from cut) c where name = '{name}' and first is not null
        """);

    public override async ValueTask FlipByteAsync(string name, long position) => await ExecuteAsync(
        $"""
        update {_schema}.batches
        set payload = set_byte(payload, ({position} - position)::int, 255 - get_byte(payload, ({position} - position)::int))
        from {_schema}.logs
        where id = log_id and name = '{name}' and position <= {position} and {position} < position + octet_length(payload)
        """);

    public override ValueTask BreakStorageAsync(string name) => CrashAsync(name);

    public override ValueTask HealStorageAsync(string name)
    {
        _proxies[name].Reconnect();
        return ValueTask.CompletedTask;
    }

    public override ValueTask DisconnectAsync(string name) => CrashAsync(name);

    public override ValueTask ReconnectAsync(string name) => HealStorageAsync(name);

    public override async ValueTask DisposeAsync()
    {
        foreach (var proxy in _proxies.Values)
            await proxy.DisposeAsync();
        await base.DisposeAsync();
    }

    private async Task<ILog> OpenAsync(string name, NetworkProxy proxy, ulong startOffset) => await PostgresLog.OpenAsync(new()
    {
        ConnectionString = PostgresCluster.ConnectionStringAt(proxy.Port),
        SchemaName = _schema,
        LogName = name,
        UnavailableAfterMs = 2000,
        OutcomeUnknownAfterMs = 2000,
        StartOffset = startOffset,
    });

    private static Task<object?> ExecuteAsync(string text) => PostgresCluster.Shared.ExecuteAsync(text);
}

public sealed class PostgresLogConformance(PostgresHarness harness) : LogConformance<PostgresHarness>(harness);

public sealed class GrpcOverPostgresHarness() : GrpcHarness(new PostgresHarness());

public sealed class GrpcLogOverPostgresConformance(GrpcOverPostgresHarness harness) : LogConformance<GrpcOverPostgresHarness>(harness);
