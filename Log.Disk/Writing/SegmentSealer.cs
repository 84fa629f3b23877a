using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Writing;

/// <summary>
/// Finishes full segments behind the writer's back: flushes what is not flushed yet, writes the seal and the index. In order, so that a
/// segment is flushed only once all before it are.
/// </summary>
/// <param name="background">Runs something, not on the caller's thread.</param>
/// <param name="failed">Is told of the first failure; nothing is sealed after it.</param>
internal sealed class SegmentSealer(Action<Action> background, Action<Exception> failed)
{
    /// <summary>How many segments may wait: what an opening after a crash has to read through, besides the last.</summary>
    private const int QueueLimit = 32;

    private readonly Lock _sealing = new(); // held while the device works; taken before the queue's, where both are
    private readonly Queue<Full> _queue = new();
    private bool _hasFailed;

    private readonly record struct Full(SegmentWriter Writer, ulong NextOffset);

    /// <summary>Whether a segment waits of which not everything is flushed.</summary>
    public bool HasUnflushed
    {
        get
        {
            lock (_queue)
                return _queue.Any(full => full.Writer.FlushedPosition < full.Writer.Position);
        }
    }

    /// <summary>Takes a full segment. Waits only where too many wait already.</summary>
    /// <exception cref="IOException">The storage failed. What waits then stays as it is.</exception>
    public void Enqueue(SegmentWriter writer, ulong nextOffset)
    {
        bool isCrowded;
        lock (_queue)
        {
            _queue.Enqueue(new Full(writer, nextOffset));
            isCrowded = _queue.Count > QueueLimit;
        }

        if (isCrowded)
            TrySealNext();
        else
            background(SealInBackground);
    }

    /// <summary>Seals those that wait and begin before an offset, on this thread.</summary>
    /// <exception cref="IOException">The storage failed, now or before.</exception>
    public void SealBefore(ulong offset)
    {
        while (TrySealNext(offset))
        {
            // One more.
        }
    }

    /// <summary>Seals no more: what waits is found by the next opening.</summary>
    public void Stop()
    {
        lock (_sealing)
        {
            lock (_queue)
                _queue.Clear();
        }
    }

    private void SealInBackground()
    {
        try
        {
            TrySealNext();
        }
        catch (Exception exception)
        {
            failed(exception);
        }
    }

    private bool TrySealNext(ulong before = ulong.MaxValue)
    {
        lock (_sealing)
        {
            Full next;
            lock (_queue)
            {
                if (!_queue.TryPeek(out next) || next.Writer.Segment.BaseOffset >= before)
                    return false;
            }

            if (_hasFailed)
                throw new IOException("a segment could not be sealed");
            _hasFailed = true;
            Seal(next);
            _hasFailed = false;
            next.Writer.Segment.Finish();
            lock (_queue)
                _queue.Dequeue();
            return true;
        }
    }

    private static void Seal(Full full)
    {
        try
        {
            full.Writer.Seal(full.NextOffset, isFollowed: true);
        }
        catch (StorageFullException exception)
        {
            throw new IOException($"a segment could not be sealed: {exception.Message}", exception); // no append can be refused for it
        }
    }
}
