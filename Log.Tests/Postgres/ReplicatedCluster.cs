using LogKit.Tests.Support;
using Npgsql;

namespace LogKit.Tests.Postgres;

/// <summary>
/// A primary and a synchronous standby. The primary can be killed and the standby promoted; then the former primary can become the standby.
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

    /// <summary>Names both, whichever is the primary.</summary>
    public string ConnectionString { get; }

    public static async Task<ReplicatedCluster> StartAsync()
    {
        var cluster = new ReplicatedCluster();
        await cluster.BecomeSynchronousAsync();
        return cluster;
    }

    /// <summary>Completes once the commit of a statement waits for the standby.</summary>
    public Task CommitWaitsAsync(string words) =>
        UntilAsync(
            $"select from pg_stat_activity where wait_event = 'SyncRep' and query like '%{words}%'",
            $"a commit of \"{words}\" to wait for the standby");

    public Task<object?> ExecuteAsync(string text) => _primary.ExecuteAsync(text);

    /// <summary>Whether the primary's journal has these words.</summary>
    public bool HasSaid(string words) => _primary.JournalText().Contains(words, StringComparison.Ordinal);

    public void KillPrimary() => _primary.Kill();

    public void FreezePrimary() => _primary.Freeze();

    /// <summary>
    /// Freezes the standby until it is promoted, and completes once a commit of an append waits for it: one whose answer is lost if the
    /// primary goes now, and which the standby may have or not.
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

    /// <summary>Makes a new standby where the primary was that was killed. What is acknowledged from then on is on both.</summary>
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
    /// Has commits wait for the standby. That is set anew for each, and not before it is made of the primary: once promoted it would wait
    /// for a standby that it does not have.
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
