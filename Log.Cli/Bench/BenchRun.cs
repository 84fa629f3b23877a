using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using LogKit.Cli.Errors;
using LogKit.Client;

namespace LogKit.Cli.Bench;

/// <summary>
/// A run: a first append, which shows that the server accepts appends; then producers and tails, a warm-up, and the measurement.
/// </summary>
internal sealed class BenchRun(GrpcLog log, BenchLoad load, BenchMeter meter)
{
    /// <summary>How long to wait for outstanding answers at the end.</summary>
    private static readonly TimeSpan AnswersTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The delay after a failed call, so as not to flood a server that refuses calls.</summary>
    private static readonly TimeSpan FailurePause = TimeSpan.FromMilliseconds(100);

    private readonly RecordBatch _batch = load.CreateBatch();

    /// <param name="stopping">Ends the run early, with what was measured so far.</param>
    /// <exception cref="LogException">The first append failed.</exception>
    /// <exception cref="OperationCanceledException">The run was stopped before the first append was answered.</exception>
    public async Task RunAsync(CancellationToken stopping)
    {
        var offset = await log.AppendBatchAsync(_batch, cancellationToken: stopping);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        using var answered = new CancellationTokenSource();
        using var followed = new CancellationTokenSource();
        meter.Start(load.Warmup);
        var tails = Start(load.Tails, () => TailAsync(offset + (ulong)_batch.Count, followed.Token));
        var producers = Start(load.Producers, () =>
            load.IsStream ? StreamAsync(over.Token, answered.Token) : CallAsync(over.Token, answered.Token));

        await PauseAsync(load.Warmup + load.Duration, over.Token);
        await over.CancelAsync();
        answered.CancelAfter(AnswersTimeout);
        await Task.WhenAll(producers);
        meter.Stop();
        await followed.CancelAsync();
        await Task.WhenAll(tails);
    }

    private static Task[] Start(int count, Func<Task> work) =>
        [.. Enumerable.Range(0, count).Select(_ => Task.Run(work, CancellationToken.None))];

    private async Task CallAsync(CancellationToken over, CancellationToken answered)
    {
        while (!over.IsCancellationRequested)
        {
            var begunAt = Stopwatch.GetTimestamp();
            try
            {
                await log.AppendBatchAsync(_batch, cancellationToken: answered);
                meter.Acknowledged(begunAt);
            }
            catch (Exception exception) when (Failures.NameOf(exception) is { } kind)
            {
                meter.Failed(begunAt, kind);
                await PauseAsync(FailurePause, over);
            }
        }
    }

    private async Task StreamAsync(CancellationToken over, CancellationToken answered)
    {
        while (!over.IsCancellationRequested)
        {
            var unanswered = Channel.CreateBounded<long>(load.InFlight);
            try
            {
                await foreach (var _ in log.AppendStreamAsync(BatchesAsync(unanswered.Writer, over, CancellationToken.None), answered))
                {
                    if (unanswered.Reader.TryRead(out var begunAt))
                        meter.Acknowledged(begunAt);
                }
            }
            catch (Exception exception) when (Failures.NameOf(exception) is { } kind)
            {
                while (unanswered.Reader.TryRead(out var begunAt))
                    meter.Failed(begunAt, kind);
                await PauseAsync(FailurePause, over);
            }
        }
    }

    /// <summary>Yields a batch whenever another may be unanswered, until the run ends or the enumeration is left.</summary>
    private async IAsyncEnumerable<RecordBatch> BatchesAsync(
        ChannelWriter<long> unanswered, CancellationToken over, [EnumeratorCancellation] CancellationToken left)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(over, left);
        while (await HasRoomAsync(unanswered, ending.Token))
        {
            unanswered.TryWrite(Stopwatch.GetTimestamp());
            yield return _batch;
        }
    }

    private static async ValueTask<bool> HasRoomAsync(ChannelWriter<long> unanswered, CancellationToken ending)
    {
        try
        {
            return await unanswered.WaitToWriteAsync(ending);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task TailAsync(ulong offset, CancellationToken followed)
    {
        try
        {
            await foreach (var (_, batch) in log.ReadFromAsync(offset, stopAtEnd: false, followed))
                meter.Received(batch.Count);
        }
        catch (OperationCanceledException) when (followed.IsCancellationRequested)
        {
            // The run was stopped.
        }
        catch (Exception exception) when (Failures.NameOf(exception) is { } kind)
        {
            meter.TailFailed(kind);
        }
    }

    private static async Task PauseAsync(TimeSpan pause, CancellationToken over) =>
        await Task.Delay(pause, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
