using LogKit.Client;
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

    [Fact]
    public async Task Each_identity_may_do_what_the_access_list_says()
    {
        await using var server = await LogTestServer.StartAsync(options: new() { Access = "alice produce\nbob consume # only" });
        await using var alice = server.ConnectAs("alice");
        await using var bob = server.ConnectAs("bob");
        await using var nobody = server.Connect();
        await using var stranger = server.Connect(new GrpcLogOptions { Token = "guessed" });
        await using var unlisted = server.ConnectAs("carol");
        Assert.Equal(0ul, await alice.AppendBatchAsync(RecordBatch.OfText("a")));
        Assert.Equal("a", (await bob.ReadBatchAsync(0))[0].ToString());
        await AssertRefusedAsync("bob is not permitted to produce", () => bob.AppendBatchAsync(RecordBatch.OfText("b")).AsTask());
        await AssertRefusedAsync("alice is not permitted to consume", () => alice.ReadBatchAsync(0).AsTask());
        await AssertRefusedAsync("carol is not permitted to produce or consume", () => unlisted.GetRangeAsync().AsTask());
        await AssertRefusedAsync("client identity is required", () => nobody.ReadBatchAsync(0).AsTask());
        await AssertRefusedAsync("the bearer token is not known", () => stranger.ReadBatchAsync(0).AsTask());
        await server.RestartAsync();
        Assert.Equal(1ul, await alice.AppendBatchAsync(RecordBatch.OfText("the same token and certificate after a restart")));
    }

    [Fact]
    public async Task A_right_that_is_taken_away_ends_the_streams_that_need_it()
    {
        await using var server = await LogTestServer.StartAsync(options: new() { Access = "alice produce consume" });
        await using var log = server.ConnectAs("alice");
        await log.AppendBatchAsync(RecordBatch.OfText("a"));
        await using var tail = log.TailAsync(0).GetAsyncEnumerator();
        Assert.True(await tail.MoveNextAsync().AsTask().Within("the first batch"));
        var next = tail.MoveNextAsync().AsTask();
        Assert.Throws<FormatException>(() => server.SetAccess("alice everything"));
        Assert.Equal(1ul, await log.AppendBatchAsync(RecordBatch.OfText("b"))); // the list that was refused changed nothing
        Assert.True(await next.Within("the second batch"));
        next = tail.MoveNextAsync().AsTask();
        server.SetAccess("alice produce");
        await AssertRefusedAsync("alice is not permitted to consume", () => next.Within("the end of the tail"));
        Assert.Equal(2ul, await log.AppendBatchAsync(RecordBatch.OfText("c")));
    }

    [Fact]
    public async Task What_needs_an_access_list_says_so_on_a_server_without_one()
    {
        await using var server = await LogTestServer.StartAsync();
        Assert.Null(server.CaFile);
        foreach (var call in (Action[])[() => server.ConnectAs("alice"), () => server.TokenOf("alice"), () => server.SetAccess("")])
        {
            var message = Assert.Throws<InvalidOperationException>(call).Message;
            Assert.Contains("LogTestServerOptions.Access", message, StringComparison.Ordinal);
        }

        await Assert.ThrowsAsync<FormatException>(() => LogTestServer.StartAsync(options: new() { Access = "alice" }));
    }

    private static async Task AssertRefusedAsync(string message, Func<Task> call) =>
        Assert.Equal(message, (await Assert.ThrowsAsync<LogAccessException>(call)).Message);
}
