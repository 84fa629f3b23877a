// Orders.cs
using LogKit;
using LogKit.InMemory;
using LogKit.Testing;

namespace Example.Testing;

/// <summary>The only writer of its log. It stores each order once, whatever happens to the answers.</summary>
public sealed class Orders(ILog log)
{
    private ulong? _next;

    public async Task<ulong> PlaceAsync(string order)
    {
        while (true)
        {
            try
            {
                _next ??= (await log.GetRangeAsync()).NextOffset;
                await log.AppendBatchAsync(RecordBatch.OfText(order), expectedOffset: _next);
            }
            catch (OffsetMismatchException exception) when (exception.NextOffset == _next + 1)
            {
                // The attempt before this one was stored.
            }
            catch (LogException exception) when (exception is AppendOutcomeUnknownException or LogUnavailableException)
            {
                await Task.Delay(10);
                continue; // with the same expected offset
            }

            var offset = _next!.Value;
            _next = offset + 1;
            return offset;
        }
    }
}

public sealed class OrdersTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_order_whose_answer_is_lost_is_stored_once(bool isStored)
    {
        await using var log = new FaultyLog(new InMemoryLog());
        var orders = new Orders(log);
        Assert.Equal(0ul, await orders.PlaceAsync("book"));
        log.Inject(Fault.OutcomeUnknown(isStored), LogOperations.Append);
        Assert.Equal(1ul, await orders.PlaceAsync("lamp"));
        Assert.Equal(2ul, await orders.PlaceAsync("desk"));
        Assert.Equal("lamp", (await log.ReadBatchAsync(1))[0].ToString());
        Assert.Equal(new LogRange(0, 3), await log.GetRangeAsync());
    }

    [Fact]
    public async Task Orders_survive_a_network_that_fails_over_and_over()
    {
        await using var server = await LogTestServer.StartAsync();
        await using var log = server.Connect();
        var orders = new Orders(log);
        var placing = Task.Run(async () =>
        {
            for (var i = 0ul; i < 200; i++)
                Assert.Equal(i, await orders.PlaceAsync($"order {i}"));
        });
        while (!placing.IsCompleted)
        {
            await Task.WhenAny(placing, Task.Delay(5));
            server.CutConnections();
        }

        await placing;
        Assert.Equal(new LogRange(0, 200), await server.Log.GetRangeAsync());
    }
}
