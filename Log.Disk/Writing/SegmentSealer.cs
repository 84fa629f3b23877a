using System.Diagnostics;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Writing;

/// <summary>
/// Finishes full segments in the background: flushes what is not flushed yet, then writes the seal and the index. It does so in order, so
/// that a segment is flushed only once all segments before it are. If there is no space for a seal, which on a copy-on-write file system
/// takes space although it overwrites, the segment waits for its next turn.
/// </summary>
/// <param name="background">Runs an action on another thread.</param>
/// <param name="failed">Receives the first failure. Nothing is sealed after it.</param>
internal sealed class SegmentSealer(Action<Action> background, Action<Exception> failed)
{
    /// <summary>The limit on waiting segments, which an opening after a crash must read in addition to the last one.</summary>
    private const int QueueLimit = 32;

    private readonly Lock _sealing = new(); // held during I/O; taken before the lock of the queue if both are taken
    private readonly Queue<Full> _queue = new(); // under its own lock; dequeued from under both
    private int _left; // under _sealing; how many segments missed their turn because there was no space
    private bool _hasFailed; // under _sealing

    private readonly record struct Full(SegmentWriter Writer, ulong NextOffset);

    /// <summary>Whether a waiting segment has data that is not flushed.</summary>
    public bool HasUnflushed
    {
        get
        {
            lock (_queue)
                return _queue.Any(full => full.Writer.FlushedPosition < full.Writer.Position);
        }
    }

    /// <summary>Queues a full segment. Seals on the caller's thread only if too many are waiting.</summary>
    /// <exception cref="IOException">The storage failed. Segments that were waiting stay as they are.</exception>
    public void Enqueue(SegmentWriter writer, ulong nextOffset)
    {
        bool isCrowded;
        lock (_queue)
        {
            Debug.Assert(
                _queue.All(full => full.Writer.Segment.BaseOffset < writer.Segment.BaseOffset), "segments are sealed in their order");
            _queue.Enqueue(new Full(writer, nextOffset));
            isCrowded = _queue.Count > QueueLimit;
        }

        if (isCrowded)
            TrySealNext();
        else
            background(SealInBackground);
    }

    /// <summary>
    /// Seals the waiting segments that start before an offset, on this thread. They are flushed even if there is no space to seal.
    /// </summary>
    /// <exception cref="IOException">The storage failed, now or before.</exception>
    public void SealBefore(ulong offset)
    {
        lock (_sealing)
        {
            while (TrySealNext(offset))
            {
                // Continue with the next one.
            }

            FlushBefore(offset);
        }
    }

    /// <summary>Stops sealing. The next opening finds the segments that were waiting.</summary>
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
            if (TrySealNext())
                SealLeft();
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

            if (!Guarded(() => TrySeal(next)))
            {
                _left++;
                return false;
            }

            next.Writer.Segment.Finish();
            lock (_queue)
                _queue.Dequeue();
            return true;
        }
    }

    /// <summary>Seals the segments that missed their turn, now that there is space.</summary>
    private void SealLeft()
    {
        lock (_sealing)
        {
            for (; _left > 0; _left--)
            {
                if (!TrySealNext())
                    return;
            }
        }
    }

    /// <summary>Flushes the waiting segments, in order, if there was no space to seal them.</summary>
    private void FlushBefore(ulong offset)
    {
        Full[] waiting;
        lock (_queue)
            waiting = [.. _queue.TakeWhile(full => full.Writer.Segment.BaseOffset < offset)];
        foreach (var full in waiting.Where(full => full.Writer.FlushedPosition < full.Writer.Position))
        {
            Guarded(() =>
            {
                full.Writer.Flush();
                return true;
            });
        }
    }

    /// <summary>Runs an action under _sealing. If it fails, nothing is flushed or sealed after it.</summary>
    private bool Guarded(Func<bool> action)
    {
        if (_hasFailed)
            throw new IOException("a segment could not be sealed");
        _hasFailed = true;
        var result = action();
        _hasFailed = false;
        return result;
    }

    private static bool TrySeal(Full full)
    {
        try
        {
            full.Writer.Seal(full.NextOffset, isFollowed: true);
            return true;
        }
        catch (StorageFullException)
        {
            return false; // no append depends on it: the frames are flushed
        }
    }
}
