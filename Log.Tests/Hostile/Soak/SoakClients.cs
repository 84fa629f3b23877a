using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using LogKit.Client;

namespace LogKit.Tests.Hostile.Soak;

/// <summary>Counts acknowledged batches, so that what disturbs can keep pace with the work instead of the clock.</summary>
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

    /// <summary>Completes after so many batches more.</summary>
    public Task MoreAsync(int batches, CancellationToken cancellationToken)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
            _awaited.Add((_count + batches, reached));
        return reached.Task.WaitAsync(cancellationToken);
    }
}

/// <summary>Appends numbered batches, each sent once and never again, and remembers what was acknowledged.</summary>
internal sealed class SoakProducer(int id, bool inOneStream, SoakServer server, SoakProgress progress)
{
    private readonly List<(ulong Offset, int Number)> _acknowledged = [];
    private int _number;

    public int Id => id;

    public IReadOnlyList<(ulong Offset, int Number)> Acknowledged => _acknowledged;

    /// <summary>The batch of a number: of one to four records.</summary>
    public static RecordBatch BatchOf(int producer, int number) => RecordBatch.OfText(
        [.. Enumerable.Range(0, 1 + (number % 4)).Select(index => FormattableString.Invariant($"{producer}/{number}/{index}"))]);

    /// <summary>Whose batch it is and which; the inverse of <see cref="BatchOf"/>.</summary>
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
/// Reads the log from its beginning, and after each interruption on from where it was; requires every record once and in order.
/// </summary>
internal sealed class SoakTail(SoakServer server) : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public ulong NextOffset { get; private set; }

    /// <summary>How often it had to begin again.</summary>
    public int Interruptions { get; private set; }

    /// <summary>A hash of all that it saw, after which it can see no more.</summary>
    public string Digest => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>Reads and waits for more until it is stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            await ReadAsync(stopAtEnd: false, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // As told.
        }
    }

    /// <summary>Reads what there is still to be read.</summary>
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

/// <summary>What keeps a client that was turned away from asking again at once.</summary>
internal static class Pause
{
    public static Task AfterInterruptionAsync() => Task.Delay(20);
}
