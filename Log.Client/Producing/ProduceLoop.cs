using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LogKit.Client.Connecting;

namespace LogKit.Client.Producing;

/// <summary>
/// Moves records from a producer's queue to the server, over one call for as long as it holds, then over the next. Whatever is queued
/// when there is a place among the batches in flight becomes the next batch: so batches grow by themselves as answers take longer.
/// </summary>
internal sealed class ProduceLoop(GrpcLog log, RecordQueue queue, BatchingProducerOptions options, IResendPolicy outcomes)
{
    private readonly ConcurrentQueue<SentBatch> _unanswered = new(); // of the call, in the order of sending
    private readonly Backoff _backoff = new();
    private int _suspects; // how many records to take one by one. Of whoever takes: the loop, or the source of its call, never both at once

    /// <summary>
    /// Runs until the queue is closed and all is answered, or until nothing more can come of it: then all that is left fails.
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
                new LogUnavailableException("the producer was disposed before the server took the record"));
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
                        "the append's outcome is unknown: the server answered with an offset that was not asked for");
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

    /// <summary>What is left of the call before, then what is queued. Ends with the queue.</summary>
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
            while (next is null); // what was queued was withdrawn

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
        _unanswered.Enqueue(batch); // first: its answer may be here before its sending returns
        return batch;
    }

    /// <summary>
    /// Makes a batch of records; null where that fails, for want of memory or because the buffer behind a record is gone. One record must
    /// not take others with it: they are then taken one by one, and one that fails alone is failed.
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
