using LogKit.Tests.Support;
using Npgsql;

namespace LogKit.Tests.Postgres;

/// <summary>
/// A primary, and a standby that has each commit before it is acknowledged. The primary can be killed and the standby take its place;
/// then what was the primary can be made the standby of the other.
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

    public void KillPrimary() => _primary.Kill();

    public void PromoteStandby()
    {
        _standby.Promote();
        (_primary, _standby) = (_standby, _primary);
    }

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
        await PollAsync().Within("the standby to take part in commits");

        async Task PollAsync()
        {
            while (await _primary.ExecuteAsync("select count(*) from pg_stat_replication where sync_state = 'sync'") is not 1L)
                await Task.Yield();
        }
    }
}
