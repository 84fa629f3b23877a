using System.Diagnostics;
using LogKit.Client;
using LogKit.Postgres;
using LogKit.Tests.Support;
using Xunit.Abstractions;

namespace LogKit.Tests.Postgres;

/// <summary>
/// The primary database is killed or hangs under load, and its synchronous standby is promoted. The servers switch over on their own. There
/// is one failover; <c>LOGKIT_EFFORT=N</c> makes N of them, back and forth.
/// </summary>
public sealed class FailoverTests(ITestOutputHelper output)
{
    private const int Clients = 2;
    private const int ProducersPerClient = 4;

    [PostgresFact]
    public Task A_primary_killed_under_load_loses_and_duplicates_nothing_acknowledged() =>
        FailOverUnderLoadAsync(cluster => cluster.KillPrimary(), TestSeed.Effort);

    [PostgresFact]
    public Task A_primary_that_hangs_under_load_loses_and_duplicates_nothing_acknowledged() =>
        FailOverUnderLoadAsync(cluster => cluster.FreezePrimary(), rounds: 1);

    private async Task FailOverUnderLoadAsync(Action<ReplicatedCluster> fail, int rounds)
    {
        using var cluster = await ReplicatedCluster.StartAsync();
        using var first = ServerProcess.StartOnDatabase(cluster.ConnectionString);
        using var second = ServerProcess.StartOnDatabase(cluster.ConnectionString);
        first.ExpectsAnyEntries(); // reports the loss and return of the database if the failover takes long enough
        second.ExpectsAnyEntries();
        var addresses = string.Join(',', await Task.WhenAll(first.AddressAsync(), second.AddressAsync()));
        await using var log = GrpcLog.Connect(addresses);
        await using var other = GrpcLog.Connect(addresses);
        var load = new Load();
        load.StartTail(log);
        load.StartTail(other);
        load.Start(log, "first client", ProducersPerClient);
        load.Start(other, "second client", ProducersPerClient);
        await load.AcknowledgedAsync(100);
        for (var round = 1; ; round++)
        {
            await FailOverAsync(cluster, fail, load, round);
            await load.AcknowledgedAsync(100);
            if (round == rounds)
                break;
            await cluster.RebuildStandbyAsync();
            await load.AcknowledgedAsync(100);
        }

        await load.StopAndVerifyAsync(log);
    }

    [PostgresFact]
    public async Task An_append_that_no_standby_has_confirmed_is_neither_acknowledged_nor_visible()
    {
        using var cluster = await ReplicatedCluster.StartAsync();
        await cluster.ExecuteAsync("alter role postgres set client_min_messages = error"); // hides the warning that accompanies the answer
        var options = new PostgresLogOptions { ConnectionString = cluster.ConnectionString };
        await using var log = await PostgresLog.OpenAsync(options);
        await using var impatient = await PostgresLog.OpenAsync(options with { UnavailableAfterMs = 1000, OutcomeUnknownAfterMs = 1000 });
        await log.AppendBatchAsync(RecordBatch.OfText("before"));

        cluster.KillStandby();
        await Assert.ThrowsAsync<LogUnavailableException>(() => impatient.TruncateBeforeAsync(1).AsTask().Within("a truncation"));
        Assert.Equal(new LogRange(0, 1), await log.GetRangeAsync());
        cluster.StartStandby();
        Assert.Equal(1ul, await log.AppendBatchAsync(RecordBatch.OfText("first")).AsTask().Within("an append"));
        Assert.Equal(new LogRange(1, 2), await log.GetRangeAsync());

        cluster.KillStandby();
        await Assert.ThrowsAsync<AppendOutcomeUnknownException>(() =>
            impatient.AppendBatchAsync(RecordBatch.OfText("second")).AsTask().Within("an append"));
        Assert.Equal(new LogRange(1, 2), await log.GetRangeAsync());
        cluster.StartStandby();
        await log.WaitForAppendAsync(2).AsTask().Within("what was appended meanwhile to show");

        cluster.KillStandby();
        var append = log.AppendBatchAsync(RecordBatch.OfText("third")).AsTask();
        await cluster.CommitWaitsAsync("append");
        await cluster.ExecuteAsync("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
        await cluster.CommitWaitsAsync("with head as"); // the log queries the outcome of the append
        Assert.False(append.IsCompleted);
        await Assert.ThrowsAsync<AppendOutcomeUnknownException>(() =>
            impatient.AppendBatchAsync(RecordBatch.OfText("fourth")).AsTask().Within("an append"));
        Assert.False(append.IsCompleted);
        cluster.StartStandby();
        Assert.Equal(3ul, await append.Within("the append"));
        await log.WaitForAppendAsync(4).AsTask().Within("the last append to show");
        Assert.Equal(["first", "second", "third", "fourth"], await log.ReadAllTextAsync());
    }

    private async Task FailOverAsync(ReplicatedCluster cluster, Action<ReplicatedCluster> fail, Load load, int round)
    {
        await cluster.HoldAppendAsync();
        var killed = Stopwatch.GetTimestamp();
        fail(cluster);
        var promoted = Stopwatch.GetTimestamp();
        // One more than could be pending at the kill, so the last of these appends began after it.
        var next = NextAsync(load.AcknowledgedAsync((Clients * ProducersPerClient) + 1));
        cluster.PromoteStandby();
        var ended = await next;
        output.WriteLine(
            $"failover {round}: acknowledged again {Stopwatch.GetElapsedTime(killed, ended).TotalMilliseconds:0} ms after the kill, "
            + $"{Stopwatch.GetElapsedTime(promoted, ended).TotalMilliseconds:0} ms after the promotion was begun");

        static async Task<long> NextAsync(Task acknowledged)
        {
            await acknowledged;
            return Stopwatch.GetTimestamp();
        }
    }
}
