using System.Collections.Concurrent;
using LogKit.Client.Connecting;

namespace LogKit.Client.Producing;

/// <summary>
/// A sole writer knows where each of its batches must stand. So after a failure it reads: what stands there is acknowledged if it is the
/// batch, byte for byte, and foreign if it is not; what does not stand there is sent again under the same condition.
/// </summary>
/// <remarks>
/// A first attempt that lands later than the reading makes the second one fail its condition; the next reading then finds it. Another
/// writer that appends the very same values at the very same place cannot be told from this one.
/// </remarks>
internal sealed class ExclusiveResendPolicy(GrpcLog log) : IResendPolicy
{
    private ulong _next;

    public async Task StartAsync(CancellationToken cancellationToken) =>
        _next = (await PersistAsync(log.GetRangeAsync, cancellationToken).ConfigureAwait(false)).NextOffset;

    public ulong? NextExpected(int recordCount)
    {
        var expected = _next;
        _next += (ulong)recordCount;
        return expected;
    }

    public async Task ResolveAsync(ConcurrentQueue<SentBatch> unanswered, Exception failure, CancellationToken cancellationToken)
    {
        if (!unanswered.TryPeek(out var failed))
            return;
        await ReadBackAsync(unanswered, cancellationToken).ConfigureAwait(false);
        var isRefusal = failure is not (LogUnavailableException or AppendOutcomeUnknownException or OffsetMismatchException);
        if (isRefusal && unanswered.TryPeek(out var first) && first == failed)
        {
            unanswered.TryDequeue(out _);
            _next = Expected(failed);
            failed.Fail(failure);
            foreach (var batch in unanswered)
                batch.ExpectedOffset = NextExpected(batch.Batch.Count); // none of them is stored: its place was never reached
        }
    }

    private async Task ReadBackAsync(ConcurrentQueue<SentBatch> unanswered, CancellationToken cancellationToken)
    {
        var range = await PersistAsync(log.GetRangeAsync, cancellationToken).ConfigureAwait(false);
        while (unanswered.TryPeek(out var batch) && Expected(batch) != range.NextOffset)
        {
            if (!await IsStoredAsync(batch, range, cancellationToken).ConfigureAwait(false))
                throw new ProducerFencedException(Expected(batch), range);
            unanswered.TryDequeue(out _);
            batch.Acknowledge(Expected(batch));
        }
    }

    private async Task<bool> IsStoredAsync(SentBatch sent, LogRange range, CancellationToken cancellationToken)
    {
        var offset = Expected(sent);
        if (offset < range.StartOffset || offset + (ulong)sent.Batch.Count > range.NextOffset)
            return false; // batches are stored whole
        for (var index = 0; index < sent.Batch.Count;)
        {
            var at = offset + (ulong)index;
            var stored = await PersistAsync(token => log.ReadBatchAsync(at, token), cancellationToken).ConfigureAwait(false);
            for (var i = 0; i < stored.Count && index < sent.Batch.Count; i++, index++)
            {
                if (!stored[i].Value.Span.SequenceEqual(sent.Batch[index].Value.Span))
                    return false;
            }
        }

        return true;
    }

    /// <summary>A read, through interruptions.</summary>
    private static async Task<T> PersistAsync<T>(Func<CancellationToken, ValueTask<T>> read, CancellationToken cancellationToken)
    {
        for (var backoff = new Backoff(); ;)
        {
            try
            {
                return await read(cancellationToken).ConfigureAwait(false);
            }
            catch (LogUnavailableException)
            {
                await backoff.DelayAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static ulong Expected(SentBatch batch) => batch.ExpectedOffset!.Value;
}
