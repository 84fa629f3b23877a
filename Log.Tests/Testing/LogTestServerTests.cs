using LogKit.Testing;
using LogKit.Tests.Support;

namespace LogKit.Tests.Testing;

public sealed class LogTestServerTests
{
    [Fact]
    public async Task A_client_finds_what_it_appended_after_a_restart_at_the_same_address()
    {
        await using var server = await LogTestServer.StartAsync();
        var address = server.Address;
        await using var log = server.Connect();
        Assert.Equal(0ul, await log.AppendBatchAsync(RecordBatch.OfText("a")));
        await server.RestartAsync();
        Assert.Equal(address, server.Address);
        Assert.Equal("a", (await log.ReadBatchAsync(0))[0].ToString());
        Assert.Equal(new LogRange(0, 1), await server.Log.GetRangeAsync());
    }

    [Fact]
    public async Task A_tail_survives_cut_connections_and_a_restart()
    {
        await using var server = await LogTestServer.StartAsync();
        await using var log = server.Connect();
        await log.AppendBatchAsync(RecordBatch.OfText("0"));
        var interruptions = 0;
        await using var tail = log.TailAsync(0, _ => Interlocked.Increment(ref interruptions)).GetAsyncEnumerator();
        for (var i = 0ul; i < 4; i++)
        {
            Assert.True(await tail.MoveNextAsync().AsTask().Within("the tail to go on"));
            Assert.Equal((i, $"{i}"), (tail.Current.FirstOffset, tail.Current.Batch[0].ToString()));
            if (i == 1)
                await server.RestartAsync();
            else
                server.CutConnections();
            await server.Log.AppendBatchAsync(RecordBatch.OfText($"{i + 1}"));
        }

        Assert.True(interruptions > 0, "nothing was interrupted");
    }

    [Fact]
    public async Task Servers_in_parallel_do_not_meet()
    {
        var servers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => LogTestServer.StartAsync()));
        foreach (var (server, i) in servers.Select((server, i) => (server, i)))
        {
            await using (server)
            {
                await using var log = server.Connect();
                for (var n = 0; n <= i; n++)
                    Assert.Equal((ulong)n, await log.AppendBatchAsync(RecordBatch.OfText($"{i}")));
            }
        }
    }

    [Fact]
    public async Task An_answer_that_is_cut_off_in_the_middle_leaves_the_outcome_unknown()
    {
        await using var server = await LogTestServer.StartAsync();
        await using var log = server.Connect();
        await log.AppendBatchAsync(RecordBatch.OfText("a"));
        server.Network.Script = (direction, _) =>
            direction is ProxyDirection.ToClient ? ProxyAction.CutWithin : ProxyAction.Forward;
        await Assert.ThrowsAsync<AppendOutcomeUnknownException>(() => log.AppendBatchAsync(RecordBatch.OfText("b")).AsTask());
        server.Network.Script = null;
        try
        {
            Assert.Equal(1ul, await log.AppendBatchAsync(RecordBatch.OfText("b"), expectedOffset: 1));
        }
        catch (OffsetMismatchException exception)
        {
            Assert.Equal(2ul, exception.NextOffset); // the first attempt was stored
        }

        Assert.Equal("b", (await log.ReadBatchAsync(1))[0].ToString());
    }

    [Fact]
    public async Task A_slow_network_and_a_silent_one_only_take_time()
    {
        await using var server = await LogTestServer.StartAsync();
        await using var log = server.Connect();
        server.Network.Delay = TimeSpan.FromMilliseconds(2);
        server.Network.BytesPerSecond = 10_000_000;
        Assert.Equal(0ul, await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 100_000))).AsTask().Within("an append"));
        server.Network.FallSilent();
        var append = log.AppendBatchAsync(RecordBatch.OfText("held back")).AsTask();
        await Task.WhenAny(append, Task.Delay(20));
        Assert.False(append.IsCompleted, "an append over a silent network has ended");
        server.Network.Resume();
        Assert.Equal(1ul, await append.Within("an append after the network resumed"));
    }
}
