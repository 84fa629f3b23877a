using System.Collections.Concurrent;
using System.Text;
using LogKit.Client.Producing;
using LogKit.Tests.Support;

namespace LogKit.Tests.Client.Producing;

/// <summary>
/// The guarantees of a producer while the real server is killed. There are 4 kills per test, multiplied by <c>LOGKIT_EFFORT</c>.
/// </summary>
public sealed class KilledServerTests : IDisposable
{
    private const int Producers = 8;
    private const int AcknowledgedPerLife = 200;

    private readonly RestartedServer _server = new();
    private readonly SemaphoreSlim _acknowledged = new(0);
    private readonly ConcurrentDictionary<string, ulong> _offsets = [];
    private readonly ConcurrentBag<string> _unknown = [];

    public void Dispose()
    {
        _server.Dispose();
        _acknowledged.Dispose();
    }

    [Fact]
    public async Task An_exclusive_producer_stores_every_record_exactly_once()
    {
        var stored = await ProduceOverKillsAsync(ProducerMode.Exclusive);
        Assert.Empty(_unknown);
        Assert.Equal(_offsets.OrderBy(record => record.Value).Select(record => record.Key), stored);
    }

    [Fact]
    public async Task A_shared_producer_stores_acknowledged_records_exactly_once_and_unknown_ones_at_most_once()
    {
        var stored = await ProduceOverKillsAsync(ProducerMode.Shared);
        Assert.All(_offsets, record => Assert.Equal(record.Key, stored[(int)record.Value]));
        Assert.Equal(stored.Count, stored.Distinct(StringComparer.Ordinal).Count());
        Assert.Subset(_offsets.Keys.Concat(_unknown).ToHashSet(), stored.ToHashSet());
    }

    private async Task<List<string>> ProduceOverKillsAsync(ProducerMode mode)
    {
        await _server.StartAsync();
        await using var log = _server.Connect();
        var producer = new BatchingProducer(log, new BatchingProducerOptions { Mode = mode });
        using var enough = new CancellationTokenSource();
        var producing = Enumerable.Range(0, Producers).Select(name => Task.Run(() => ProduceAsync(producer, name, enough.Token))).ToList();
        for (var kill = 0; kill < 4 * TestSeed.Effort; kill++)
        {
            await AcknowledgedAsync();
            await _server.KillAsync();
            await _server.StartAsync();
        }

        await AcknowledgedAsync();
        await enough.CancelAsync();
        await Task.WhenAll(producing).Within("the producers to end");
        await producer.DisposeAsync().AsTask().Within("the producer to drain");
        var stored = new List<string>();
        await foreach (var (_, batch) in log.ReadFromAsync(0, stopAtEnd: true))
            stored.AddRange(batch.Select(record => record.ToString()));
        return stored;
    }

    private async Task ProduceAsync(BatchingProducer producer, int name, CancellationToken enough)
    {
        for (var i = 0; !enough.IsCancellationRequested; i++)
        {
            var text = $"{name}/{i}";
            try
            {
                _offsets[text] = await producer.AppendAsync(Encoding.UTF8.GetBytes(text), CancellationToken.None);
                _acknowledged.Release();
            }
            catch (AppendOutcomeUnknownException)
            {
                _unknown.Add(text);
            }
        }
    }

    private async Task AcknowledgedAsync()
    {
        for (var i = 0; i < AcknowledgedPerLife; i++)
            await _acknowledged.WaitAsync().Within("an acknowledged append");
    }
}
