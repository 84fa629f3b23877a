using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Writing;

/// <summary>
/// Finishes full segments behind the writer's back: flushes what is not flushed yet, writes the seal and the index. In order, so that a
/// segment is flushed only once all before it are. Where there is no room for a seal, its segment waits for the next time: a seal
/// overwrites, but on some file systems that takes room, too.
/// </summary>
/// <param name="background">Runs something, not on the caller's thread.</param>
/// <param name="failed">Is told of the first failure; nothing is sealed after it.</param>
internal sealed class SegmentSealer(Action<Action> background, Action<Exception> failed)
{
    /// <summary>How many segments may wait: what an opening after a crash has to read through, besides the last.</summary>
    private const int QueueLimit = 32;

    private readonly Lock _sealing = new(); // held while the device works; taken before the queue's, where both are
    private readonly Queue<Full> _queue = new();
    private int _left; // under _sealing; how many were not sealed in their turn, as there was no room
    private bool _hasFailed; // under _sealing

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

    /// <summary>Seals those that wait and begin before an offset, on this thread; at least they are flushed then.</summary>
    /// <exception cref="IOException">The storage failed, now or before.</exception>
    public void SealBefore(ulong offset)
    {
        lock (_sealing)
        {
            while (TrySealNext(offset))
            {
                // One more.
            }

            FlushBefore(offset);
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

    /// <summary>There is room again: seals what was left.</summary>
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

    /// <summary>Flushes what waits, in order, where there is no room for seals.</summary>
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

    /// <summary>Does something after whose failure nothing is flushed or sealed any more. Under the lock.</summary>
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
            return false; // no append can be refused for it, and none is in doubt: its frames are flushed
        }
    }
}
