using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Postgres;

/// <summary>
/// One log, several servers, which come and go under load: one is killed, one is added, one is drained. Nothing acknowledged is lost,
/// nothing is doubled, and who reads on where it stopped sees each record once and in order.
/// </summary>
public sealed class SeveralServersTests
{
    private const string Last = "last";

    private readonly string _name = $"several_{Guid.NewGuid():N}";

    [SkippableFact]
    public async Task Servers_come_and_go_under_load_and_nothing_is_lost_or_doubled()
    {
        Skip.IfNot(PostgresCluster.ReasonToSkip is null, PostgresCluster.ReasonToSkip);
        using var kept = StartServer();
        using var killed = StartServer();
        using var drained = StartServer();
        var addresses = await Task.WhenAll(kept.AddressAsync(), killed.AddressAsync(), drained.AddressAsync());
        await using var log = GrpcLog.Connect(string.Join(',', addresses));
        var tails = Enumerable.Range(0, 2).Select(_ => TailAsync(log)).ToList();
        var load = new Load();
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
        var outcomes = await load.StopAsync().Within("the producers to stop");
        await other.AppendBatchAsync(RecordBatch.OfText(Last));

        var all = await log.ReadAllTextAsync();
        var range = await log.GetRangeAsync();
        Assert.Equal(new LogRange(0, (ulong)all.Count), range);
        Assert.Equal(all.Count, all.Distinct().Count());
        foreach (var (text, offset) in outcomes.Acknowledged)
            Assert.Equal([text, Second(text)], all.GetRange((int)offset, 2));
        Assert.Empty(all.Intersect(outcomes.Refused));
        Assert.Equal(all.Count, (2 * outcomes.Acknowledged.Count) + (2 * all.Intersect(outcomes.Unknown).Count()) + 1);
        foreach (var tail in tails)
            Assert.Equal(all, await tail.Within("a tail to reach the end"));
    }

    private static string Second(string text) => $"{text}, second record";

    private ServerProcess StartServer() => ServerProcess.Start(
        ["--Log:Address=http://127.0.0.1:0", "--Log:Backend=Postgres", $"--Log:LogName={_name}"],
        ("Log__ConnectionString", PostgresCluster.Shared.ConnectionString));

    /// <summary>Reads until the last record, from where it stopped whenever its server goes.</summary>
    private static async Task<List<string>> TailAsync(GrpcLog log)
    {
        var texts = new List<string>();
        while (true)
        {
            try
            {
                await foreach (var (first, batch) in log.ReadFromAsync((ulong)texts.Count, stopAtEnd: false))
                {
                    Assert.Equal((ulong)texts.Count, first);
                    texts.AddRange(batch.Select(record => record.ToString()));
                    if (texts[^1].Equals(Last, StringComparison.Ordinal))
                        return texts;
                }
            }
            catch (LogException)
            {
                await Task.Yield(); // its server went: on at another
            }
        }
    }

    /// <summary>Producers that append until they are stopped, whatever becomes of their servers, and note what became of each append.</summary>
    private sealed class Load
    {
        private readonly List<Task> _producers = [];
        private readonly Outcomes _outcomes = new([], [], []); // guards itself
        private readonly CancellationTokenSource _stop = new();
        private TaskCompletionSource? _reached;
        private int _awaited;

        public void Start(GrpcLog log, string client, int producers) =>
            _producers.AddRange(Enumerable.Range(0, producers).Select(producer => ProduceAsync(log, $"{client}, producer {producer}")));

        /// <summary>Completes after so many more acknowledgements.</summary>
        public Task AcknowledgedAsync(int count)
        {
            lock (_outcomes)
            {
                _awaited = count;
                _reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return _reached.Task.Within($"{count} acknowledgements");
            }
        }

        public async Task<Outcomes> StopAsync()
        {
            await _stop.CancelAsync();
            await Task.WhenAll(_producers);
            _stop.Dispose();
            return _outcomes;
        }

        private async Task ProduceAsync(GrpcLog log, string name)
        {
            for (var i = 0; !_stop.IsCancellationRequested; i++)
            {
                var text = $"{name}, batch {i}";
                try
                {
                    var offset = await log.AppendBatchAsync(RecordBatch.OfText(text, Second(text)));
                    lock (_outcomes)
                    {
                        _outcomes.Acknowledged.Add((text, offset));
                        if (--_awaited == 0)
                            _reached?.SetResult();
                    }
                }
                catch (LogException exception)
                {
                    lock (_outcomes)
                        (exception is LogUnavailableException ? _outcomes.Refused : _outcomes.Unknown).Add(text);
                }
            }
        }
    }

    /// <summary>What became of appends: acknowledged, certainly not stored, or either.</summary>
    private sealed record Outcomes(List<(string Text, ulong Offset)> Acknowledged, List<string> Refused, List<string> Unknown);
}
