using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using LogKit.Client.Producing;

namespace LogKit.Client;

/// <summary>
/// Streams of batches from and to any log. On a <see cref="GrpcLog"/>, each is one call to the server; on any other log, it uses the
/// members of <see cref="ILog"/>. Code that takes an <see cref="ILog"/> therefore behaves the same on a server and, in a test, on a log in
/// memory.
/// </summary>
public static class LogStreams
{
    private const int ReadLimitBytes = 256 * 1024; // of the batches that are read at once
    private const int InFlightLimit = 16;

    /// <summary>
    /// Reads batches from an offset on, each with the offset of its first record. At the end of the log, waits for more.
    /// </summary>
    /// <param name="log">The log.</param>
    /// <param name="offset">The offset of the first record to read; at most the next offset.</param>
    /// <param name="stopAtEnd">Whether to stop at the end of the log as of the start of the enumeration, instead of waiting.</param>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    /// <exception cref="OffsetOutOfRangeException">The offset is past the end, or has been truncated.</exception>
    /// <exception cref="LogException">The log failed.</exception>
    public static IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> ReadFromAsync(
        this ILog log, ulong offset, bool stopAtEnd, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(log);
        return log is GrpcLog remote
            ? remote.ReadFromAsync(offset, stopAtEnd, cancellationToken) : ReadCoreAsync(log, offset, stopAtEnd, cancellationToken);
    }

    /// <summary>
    /// Reads batches from an offset on, forever, across interruptions. While the log is unavailable, retries at intervals that grow from
    /// 50 ms to 2 s, then continues at exactly the next offset. No record is skipped or repeated.
    /// </summary>
    /// <param name="log">The log.</param>
    /// <param name="offset">The offset of the first record to read; at most the next offset.</param>
    /// <param name="interrupted">Called for each interruption and each failed attempt, before the next attempt. May be null.</param>
    /// <param name="cancellationToken">
    /// Cancels the enumeration. Otherwise, it ends only with an exception, for example when the log is disposed.
    /// </param>
    /// <exception cref="OffsetOutOfRangeException">
    /// The offset has been truncated, or is past the end, possibly of a log that lost records.
    /// </exception>
    /// <exception cref="LogException">The log failed in a way that a retry does not fix.</exception>
    public static IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> TailAsync(
        this ILog log, ulong offset, Action<LogUnavailableException>? interrupted = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(log);
        return LogTail.ReadAsync(log, offset, interrupted, cancellationToken);
    }

    /// <summary>
    /// Appends batches in order, and yields each with its first offset once it is acknowledged. Several are in flight at a time if the log
    /// keeps the order of appends (<see cref="ILog.AppendsInCallOrder"/>).
    /// </summary>
    /// <remarks>
    /// If it fails, all batches that it yielded are in the log, and any batch after them may be. If the source fails, its exception is
    /// thrown once everything that was appended is answered. Leaving the enumeration early cancels what is in flight.
    /// </remarks>
    /// <param name="log">The log.</param>
    /// <param name="batches">
    /// The batches. Enumerated while answers are awaited. The source must observe its token, or leaving the enumeration waits for it.
    /// </param>
    /// <param name="cancellationToken">Cancels the appends and the enumeration of the source.</param>
    /// <exception cref="ArgumentException">A batch is empty or too large. The batches before it are appended.</exception>
    /// <exception cref="LogException">The log failed.</exception>
    public static IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> AppendStreamAsync(
        this ILog log, IAsyncEnumerable<RecordBatch> batches, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(log);
        ArgumentNullException.ThrowIfNull(batches);
        return log.AppendStreamAsync(ConditionalBatch.Unconditional(batches, CancellationToken.None), cancellationToken);
    }

    /// <summary>
    /// The same, with a condition for each batch. If one is not met, the call fails after the answers to the batches before it.
    /// </summary>
    internal static IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> AppendStreamAsync(
        this ILog log, IAsyncEnumerable<ConditionalBatch> batches, CancellationToken cancellationToken) =>
        log is GrpcLog remote ? remote.AppendStreamAsync(batches, cancellationToken) : AppendCoreAsync(log, batches, cancellationToken);

    private static async IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> ReadCoreAsync(
        ILog log, ulong offset, bool stopAtEnd, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var range = await log.GetRangeAsync(cancellationToken).ConfigureAwait(false);
        if (offset < range.StartOffset || offset > range.NextOffset)
            throw new OffsetOutOfRangeException(offset, range);
        while (!stopAtEnd || offset < range.NextOffset)
        {
            await log.WaitForAppendAsync(offset, cancellationToken).ConfigureAwait(false);
            foreach (var batch in await log.ReadBatchesAsync(offset, ReadLimitBytes, cancellationToken).ConfigureAwait(false))
            {
                if (stopAtEnd && offset >= range.NextOffset)
                    yield break;
                yield return (offset, batch);
                offset += (ulong)batch.Count;
            }
        }
    }

    private static async IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> AppendCoreAsync(
        ILog log, IAsyncEnumerable<ConditionalBatch> batches, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var limit = log.AppendsInCallOrder ? InFlightLimit : 1;
        var inFlight = new Queue<(RecordBatch Batch, Task<ulong> Append)>();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var source = batches.GetAsyncEnumerator(ending.Token);
        await using var _ = source.ConfigureAwait(false);
        var moving = source.MoveNextAsync().AsTask();
        ExceptionDispatchInfo? failure = null;
        try
        {
            while (moving is not null || inFlight.Count > 0)
            {
                if (inFlight.TryPeek(out var first) && await IsNextAsync(first.Append).ConfigureAwait(false))
                {
                    inFlight.Dequeue();
                    yield return (await first.Append.ConfigureAwait(false), first.Batch);
                    continue;
                }

                (var next, failure) = await NextAsync(source, moving!).ConfigureAwait(false);
                if (next is { } append)
                {
                    var appending = log.AppendBatchAsync(append.Batch, append.ExpectedOffset, ending.Token).AsTask();
                    inFlight.Enqueue((append.Batch, appending));
                }

                moving = next is null ? null : source.MoveNextAsync().AsTask();
            }

            failure?.Throw();
        }
        finally
        {
            await ending.CancelAsync().ConfigureAwait(false);
            if (moving is not null)
                await ((Task)moving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var (_, append) in inFlight)
                await ((Task)append).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        // Whether the first answer comes before the next batch, or has to because enough are in flight.
        async ValueTask<bool> IsNextAsync(Task<ulong> append) =>
            moving is null || inFlight.Count == limit || append.IsCompleted
            || await Task.WhenAny(moving, append).ConfigureAwait(false) == append;
    }

    /// <summary>The next batch of a source; or that there is none, or why the source failed.</summary>
    private static async ValueTask<(ConditionalBatch? Next, ExceptionDispatchInfo? Failure)> NextAsync(
        IAsyncEnumerator<ConditionalBatch> source, Task<bool> moving)
    {
        try
        {
            return (await moving.ConfigureAwait(false) ? source.Current : null, null);
        }
        catch (Exception exception)
        {
            return (null, ExceptionDispatchInfo.Capture(exception));
        }
    }
}
