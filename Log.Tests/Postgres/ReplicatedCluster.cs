using LogKit.Tests.Support;
using Npgsql;

namespace LogKit.Tests.Postgres;

/// <summary>
/// A primary and a synchronous standby. The primary can be killed and the standby promoted. Then the former primary can become the standby.
/// </summary>
internal sealed class ReplicatedCluster : IDisposable
{
    private PostgresCluster _primary = new();
    private PostgresCluster _standby;

    private ReplicatedCluster()
    {
        _standby = _primary.CreateStandby();
        ConnectionString = new NpgsqlConnectionStringBuilder(_primary.ConnectionString)
        {
            Host = $"127.0.0.1:{_primary.Port},127.0.0.1:{_standby.Port}",
        }.ConnectionString;
    }

    /// <summary>The connection string names both servers, so that it works whichever is the primary.</summary>
    public string ConnectionString { get; }

    public static async Task<ReplicatedCluster> StartAsync()
    {
        var cluster = new ReplicatedCluster();
        await cluster.BecomeSynchronousAsync();
        return cluster;
    }

    /// <summary>Completes once the commit of a statement with these words waits for the standby.</summary>
    public Task CommitWaitsAsync(string words) =>
        UntilAsync(
            $"select from pg_stat_activity where wait_event = 'SyncRep' and query like '%{words}%'",
            $"a commit of \"{words}\" to wait for the standby");

    public Task<object?> ExecuteAsync(string text) => _primary.ExecuteAsync(text);

    /// <summary>Returns whether the log file of the primary contains these words.</summary>
    public bool HasSaid(string words) => _primary.JournalText().Contains(words, StringComparison.Ordinal);

    public void KillPrimary() => _primary.Kill();

    public void FreezePrimary() => _primary.Freeze();

    /// <summary>
    /// Freezes the standby until it is promoted. Completes once the commit of an append waits for the standby. If the primary is lost then,
    /// so is the answer, and the standby may or may not have the append.
    /// </summary>
    public Task HoldAppendAsync()
    {
        _standby.Freeze();
        return CommitWaitsAsync("append");
    }

    public void PromoteStandby()
    {
        _standby.Thaw();
        _standby.Promote();
        (_primary, _standby) = (_standby, _primary);
    }

    public void KillStandby() => _standby.Kill();

    public void StartStandby() => _standby.Start();

    /// <summary>Replaces the killed primary with a new standby. Everything that is acknowledged afterwards is on both servers.</summary>
    public async Task RebuildStandbyAsync()
    {
        _standby.Follow(_primary);
        await BecomeSynchronousAsync();
    }

    public void Dispose()
    {
        _primary.Dispose();
        _standby.Dispose();
    }

    /// <summary>
    /// Makes commits wait for the standby. The setting must follow the copy of the primary, because a standby that copies it would wait for
    /// a standby of its own once it is promoted.
    /// </summary>
    private async Task BecomeSynchronousAsync()
    {
        await _primary.ExecuteAsync($"alter system set synchronous_standby_names = {PostgresCluster.StandbyName}");
        await _primary.ExecuteAsync("select pg_reload_conf()");
        await UntilAsync("select from pg_stat_replication where sync_state = 'sync'", "the standby to take part in commits");
    }

    private Task UntilAsync(string rows, string what) =>
        Poll.UntilAsync(async () => await _primary.ExecuteAsync($"select exists ({rows})") is true, what);
}
