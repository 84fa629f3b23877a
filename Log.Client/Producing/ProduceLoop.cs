using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LogKit.Client.Connecting;

namespace LogKit.Client.Producing;

/// <summary>
/// Sends the records of a producer's queue to the log, over one call until it fails, then over another. Whenever another batch may be in
/// flight, all queued records become the next batch, so batches grow when answers take longer.
/// </summary>
internal sealed class ProduceLoop(ILog log, RecordQueue queue, BatchingProducerOptions options, IResendPolicy outcomes)
{
    private readonly ConcurrentQueue<SentBatch> _unanswered = new(); // unanswered batches of the call, in the order of sending
    private readonly Backoff _backoff = new();
    // The number of records to send one by one; used by either the loop or the source of its call, never both at once.
    private int _suspects;

    /// <summary>
    /// Runs until the queue is closed and everything is answered, or until the producer cannot continue. Then the remaining records fail.
    /// </summary>
    public async Task RunAsync(CancellationToken giveUp)
    {
        try
        {
            await outcomes.StartAsync(giveUp).ConfigureAwait(false);
            while (!_unanswered.IsEmpty || await queue.WaitAsync(giveUp).ConfigureAwait(false))
            {
                if (!_unanswered.IsEmpty || TakeNext() is not null) // not before: a call that fails is then always some batch's
                    await CallAsync(giveUp).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested)
        {
            FailAll(
                new AppendOutcomeUnknownException("the append's outcome is unknown: the producer was disposed before the server answered"),
                new LogUnavailableException("the producer was disposed before the record was sent"));
        }
        catch (Exception exception)
        {
            FailAll(exception, exception);
        }
    }

    private async Task CallAsync(CancellationToken giveUp)
    {
        try
        {
            using var places = new SemaphoreSlim(options.InFlightLimit);
            await foreach (
                var (first, _) in log.AppendStreamAsync(SourceAsync(places, CancellationToken.None), giveUp).ConfigureAwait(false))
            {
                if (!_unanswered.TryPeek(out var answered) || (answered.ExpectedOffset ?? first) != first)
                    throw new AppendOutcomeUnknownException(
                        "the append's outcome is unknown: the server answered with an unexpected offset");
                _unanswered.TryDequeue(out _);
                answered.Acknowledge(first);
                places.Release();
                _backoff.Reset();
            }
        }
        catch (Exception exception) when (exception is LogException or ArgumentException)
        {
            await outcomes.ResolveAsync(_unanswered, exception, giveUp).ConfigureAwait(false);
            await _backoff.DelayAsync(giveUp).ConfigureAwait(false);
        }
    }

    /// <summary>Yields what remains of the previous call, then what is queued. Ends when the queue is closed.</summary>
    private async IAsyncEnumerable<ConditionalBatch> SourceAsync(
        SemaphoreSlim places, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var batch in _unanswered.ToArray())
        {
            await places.WaitAsync(cancellationToken).ConfigureAwait(false);
            yield return new ConditionalBatch(batch.Batch, batch.ExpectedOffset);
        }

        while (true)
        {
            await places.WaitAsync(cancellationToken).ConfigureAwait(false);
            SentBatch? next;
            do
            {
                if (!await queue.WaitAsync(cancellationToken).ConfigureAwait(false))
                    yield break;
                next = TakeNext();
            }
            while (next is null); // the queued records were withdrawn

            yield return new ConditionalBatch(next.Batch, next.ExpectedOffset);
        }
    }

    private SentBatch? TakeNext()
    {
        if (queue.Take(_suspects > 0 ? 0 : options.BatchLimitBytes) is not { Length: > 0 } records)
            return null;
        _suspects = Math.Max(0, _suspects - 1);
        if (TryEncode(records) is not { } encoded)
            return null;
        var batch = new SentBatch(queue, records, encoded, outcomes.NextExpected(records.Length));
        _unanswered.Enqueue(batch); // before sending, because the answer may arrive before the write returns
        return batch;
    }

    /// <summary>
    /// Makes a batch of records. Returns null if that fails, for lack of memory or because the buffer of a record is gone. So that one
    /// record does not affect others, the records are then sent one by one, and only a record that fails alone fails.
    /// </summary>
    private RecordBatch? TryEncode(PendingRecord[] records)
    {
        try
        {
            return new RecordBatch(Array.ConvertAll(records, record => new Record(record.Value)));
        }
        catch (Exception) when (records.Length > 1)
        {
            _suspects = records.Length;
            queue.PutBack(records);
        }
        catch (Exception exception)
        {
            records[0].Offset.TrySetException(exception);
            queue.Finish(records);
        }

        return null;
    }

    private void FailAll(Exception ofSent, Exception ofQueued)
    {
        queue.Fail(ofQueued);
        while (_unanswered.TryDequeue(out var batch))
            batch.Fail(ofSent);
    }
}
