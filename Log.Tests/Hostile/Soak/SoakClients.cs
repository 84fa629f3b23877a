using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using LogKit.Client;

namespace LogKit.Tests.Hostile.Soak;

/// <summary>Counts acknowledged batches, so that disturbances are paced by progress and not by time.</summary>
internal sealed class SoakProgress
{
    private readonly Lock _gate = new();
    private readonly List<(long At, TaskCompletionSource Reached)> _awaited = [];
    private long _count;

    public void CountUp()
    {
        lock (_gate)
        {
            _count++;
            foreach (var (_, reached) in _awaited.Where(awaited => awaited.At <= _count))
                reached.TrySetResult();
            _awaited.RemoveAll(awaited => awaited.At <= _count);
        }
    }

    /// <summary>Completes after this many more batches.</summary>
    public Task MoreAsync(int batches, CancellationToken cancellationToken)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
            _awaited.Add((_count + batches, reached));
        return reached.Task.WaitAsync(cancellationToken);
    }
}

/// <summary>Appends numbered batches, sends each only once, and remembers which were acknowledged.</summary>
internal sealed class SoakProducer(int id, bool inOneStream, SoakServer server, SoakProgress progress)
{
    private readonly List<(ulong Offset, int Number)> _acknowledged = [];
    private int _number;

    public int Id => id;

    public IReadOnlyList<(ulong Offset, int Number)> Acknowledged => _acknowledged;

    /// <summary>The batch with this number: one to four records.</summary>
    public static RecordBatch BatchOf(int producer, int number) => RecordBatch.OfText(
        [.. Enumerable.Range(0, 1 + (number % 4)).Select(index => FormattableString.Invariant($"{producer}/{number}/{index}"))]);

    /// <summary>Returns the producer and the number of a batch. The inverse of <see cref="BatchOf"/>.</summary>
    public static (int Producer, int Number) Parse(RecordBatch batch)
    {
        var parts = batch[0].ToString().Split('/');
        return (int.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await using var log = server.Connect();
            try
            {
                await (inOneStream ? StreamAsync(log, stop) : AppendAsync(log, stop));
            }
            catch (LogException exception) when (SoakServer.IsInterruption(exception))
            {
                await Pause.AfterInterruptionAsync();
            }
        }
    }

    private async Task AppendAsync(GrpcLog log, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var batch = BatchOf(id, _number++);
            Note(await log.AppendBatchAsync(batch, cancellationToken: CancellationToken.None), batch);
        }
    }

    private async Task StreamAsync(GrpcLog log, CancellationToken stop)
    {
        await foreach (var (offset, batch) in log.AppendStreamAsync(BatchesAsync(stop), CancellationToken.None))
            Note(offset, batch);
    }

    private async IAsyncEnumerable<RecordBatch> BatchesAsync(
        CancellationToken stop, [EnumeratorCancellation] CancellationToken ending = default)
    {
        while (!stop.IsCancellationRequested && !ending.IsCancellationRequested)
        {
            await Task.Yield();
            yield return BatchOf(id, _number++);
        }
    }

    private void Note(ulong offset, RecordBatch batch)
    {
        _acknowledged.Add((offset, Parse(batch).Number));
        progress.CountUp();
    }
}

/// <summary>
/// Reads the log from its beginning, and resumes after each interruption. Fails unless every record arrives once and in order.
/// </summary>
internal sealed class SoakTail(SoakServer server) : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public ulong NextOffset { get; private set; }

    /// <summary>The number of times that it had to resume.</summary>
    public int Interruptions { get; private set; }

    /// <summary>A hash of everything that it has read.</summary>
    public string Digest => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>Follows the log until it is stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            await ReadAsync(stopAtEnd: false, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The soak has stopped.
        }
    }

    /// <summary>Reads the remaining batches.</summary>
    public Task FinishAsync() => ReadAsync(stopAtEnd: true, CancellationToken.None);

    public void Dispose() => _hash.Dispose();

    private async Task ReadAsync(bool stopAtEnd, CancellationToken stop)
    {
        while (true)
        {
            await using var log = server.Connect();
            try
            {
                await foreach (var (first, batch) in log.ReadFromAsync(NextOffset, stopAtEnd, stop))
                {
                    Assert.Equal(NextOffset, first);
                    _hash.AppendData(batch.Encoded.Span);
                    NextOffset += (ulong)batch.Count;
                }

                return;
            }
            catch (LogException exception) when (SoakServer.IsInterruption(exception))
            {
                Interruptions++;
                await Pause.AfterInterruptionAsync();
            }
        }
    }
}

/// <summary>Keeps a client from retrying at once after an interruption.</summary>
internal static class Pause
{
    public static Task AfterInterruptionAsync() => Task.Delay(20);
}
