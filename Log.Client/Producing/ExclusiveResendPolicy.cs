using System.Collections.Concurrent;
using LogKit.Client.Connecting;

namespace LogKit.Client.Producing;

/// <summary>
/// A sole writer knows the offset of each of its batches. So after a failure, it reads the log at these offsets: a batch that is there,
/// byte for byte, is acknowledged; anything else there is from another writer; a batch that is not there is resent with the same expected
/// offset.
/// </summary>
/// <remarks>
/// If the first attempt is stored after the read, the second fails its condition, and the next read finds the batch. Another writer that
/// appends the same values at the same offset cannot be distinguished from this one.
/// </remarks>
internal sealed class ExclusiveResendPolicy(ILog log) : IResendPolicy
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
                // None of them is stored, because the log does not reach their offset.
                batch.ExpectedOffset = NextExpected(batch.Batch.Count);
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
            return false; // batches are stored as a whole
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

    /// <summary>Repeats a read until it succeeds.</summary>
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
