using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Postgres;

/// <summary>
/// Producers that append until they are stopped, whatever happens to their servers, and record the outcome of each append; and tails that
/// resume after each interruption.
/// </summary>
internal sealed class Load
{
    private const string Last = "last";

    private readonly List<Task> _producers = [];
    private readonly List<Task<List<string>>> _tails = [];
    private readonly Outcomes _outcomes = new([], [], []); // also the lock that guards its lists
    private readonly CancellationTokenSource _stop = new();
    private TaskCompletionSource? _reached;
    private int _awaited;

    public void Start(GrpcLog log, string client, int producers) =>
        _producers.AddRange(Enumerable.Range(0, producers).Select(producer => ProduceAsync(log, $"{client}, producer {producer}")));

    public void StartTail(GrpcLog log) => _tails.Add(TailAsync(log));

    /// <summary>Completes after this many more acknowledgments.</summary>
    public Task AcknowledgedAsync(int count)
    {
        lock (_outcomes)
        {
            _awaited = count;
            _reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _reached.Task.Within($"{count} acknowledgments");
        }
    }

    /// <summary>
    /// Stops, and compares the content of the log with the acknowledgments and with what the tails read. Nothing acknowledged is lost,
    /// nothing is duplicated, offsets are dense, and each tail read each record once and in order.
    /// </summary>
    public async Task StopAndVerifyAsync(GrpcLog log)
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_producers).Within("the producers to stop");
        _stop.Dispose();
        await log.AppendBatchAsync(RecordBatch.OfText(Last));

        var all = await log.ReadAllTextAsync();
        Assert.Equal(new LogRange(0, (ulong)all.Count), await log.GetRangeAsync());
        Assert.Equal(all.Count, all.Distinct().Count());
        foreach (var (text, offset) in _outcomes.Acknowledged)
            Assert.Equal([text, Second(text)], all.GetRange((int)offset, 2));
        Assert.Empty(all.Intersect(_outcomes.Refused));
        Assert.Equal(all.Count, (2 * _outcomes.Acknowledged.Count) + (2 * all.Intersect(_outcomes.Unknown).Count()) + 1);
        foreach (var tail in _tails)
            Assert.Equal(all, await tail.Within("a tail to reach the end"));
    }

    private static string Second(string text) => $"{text}, second record";

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

    /// <summary>Reads until the last record, and resumes whenever its server is lost.</summary>
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
                await Task.Yield(); // the server was lost, so the next read goes to another
            }
        }
    }

    /// <summary>The outcomes of appends: acknowledged, certainly not stored, or unknown.</summary>
    private sealed record Outcomes(List<(string Text, ulong Offset)> Acknowledged, List<string> Refused, List<string> Unknown);
}
