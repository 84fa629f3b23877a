using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Postgres;

/// <summary>
/// One log with several servers under load: one server is killed, one is added, and one is drained. No acknowledged record is lost or
/// duplicated, and tails that resume read each record once and in order.
/// </summary>
public sealed class SeveralServersTests
{
    private readonly string _name = $"several_{Guid.NewGuid():N}";

    [PostgresFact]
    public async Task Servers_come_and_go_under_load_and_nothing_is_lost_or_duplicated()
    {
        using var kept = StartServer();
        using var killed = StartServer();
        using var drained = StartServer();
        var addresses = await Task.WhenAll(kept.AddressAsync(), killed.AddressAsync(), drained.AddressAsync());
        await using var log = GrpcLog.Connect(string.Join(',', addresses));
        var load = new Load();
        load.StartTail(log);
        load.StartTail(log);
        load.Start(log, "first client", producers: 4);
        await load.AcknowledgedAsync(100);

        killed.Signal("KILL");
        using var added = StartServer();
        await load.AcknowledgedAsync(100);
        await using var other = GrpcLog.Connect(await added.AddressAsync());
        load.Start(other, "second client", producers: 4);
        await load.AcknowledgedAsync(100);

        drained.Signal("TERM");
        Assert.Equal(0, await drained.ExitCodeAsync());
        await load.AcknowledgedAsync(100);
        await load.StopAndVerifyAsync(other);
    }

    private ServerProcess StartServer() => ServerProcess.StartOnDatabase(PostgresCluster.Shared.ConnectionString, $"--Log:LogName={_name}");
}
