using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Writing;

/// <summary>
/// Everything that changes the files of a log: appending groups, truncation, retention, flushing, and closing. One operation runs at a
/// time, under one lock, and publishes its result as a <see cref="LogView"/>, which readers take without the lock. How the segments change
/// is in <see cref="SegmentChain"/>; this type decides when, and what a failure means.
/// </summary>
/// <remarks>
/// After a failed write or flush, nobody knows what is on the device, so the writer stops for good. It also stops if its files lose their
/// names. It does not stop when it runs out of space, provided that a partial write can be undone, or when a segment cannot be created:
/// the next append tries again.
/// </remarks>
internal sealed class LogWriter : IGroupCommitter
{
    private readonly IStorage _storage;
    private readonly WriteCondition _condition;

    /// <summary>Guards the fields below, and the files. Held during device I/O.</summary>
    private readonly Lock _writing = new();
    private readonly GroupBuffer _buffer = new(); // under _writing
    private DiskLogOptions _options; // under _writing
    private readonly SegmentChain _segments; // under _writing, except for what it allows without
    private bool _isClosed; // under _writing

    public LogWriter(IStorage storage, DiskLogOptions options, LogRecovery.Result recovered, OffsetSignal appended, LogEvents events)
    {
        _storage = storage;
        _options = options;
        _condition = new WriteCondition(events, storage.Location);
        _segments = new SegmentChain(storage, options, recovered, appended, events, _condition);
    }

    /// <summary>Replaces the options, of which only the limits on retention and on segments may differ.</summary>
    public void Change(DiskLogOptions options)
    {
        lock (_writing)
            _options = _segments.Options = options;
    }

    /// <summary>What can currently be read.</summary>
    public LogView View => _segments.View;

    /// <inheritdoc/>
    public void Commit(Group group)
    {
        lock (_writing)
        {
            while (true)
            {
                if (CommitSome(group.Unsettled) is var count and > 0)
                {
                    group.Settle(count);
                    return;
                }
            }
        }
    }

    /// <summary>Moves the start of the log, durably, and deletes the segments that lie entirely before it.</summary>
    /// <exception cref="OffsetOutOfRangeException">The offset is past the end.</exception>
    /// <exception cref="LogFullException">There is no space even for the new start.</exception>
    /// <exception cref="LogUnavailableException">A file could not be created. Nothing has changed.</exception>
    /// <exception cref="LogReadOnlyException">The log has failed, now or earlier.</exception>
    public void TruncateBefore(ulong offset)
    {
        Segment[] truncated;
        lock (_writing)
        {
            try
            {
                ObjectDisposedException.ThrowIf(_isClosed, typeof(DiskLog));
                truncated = _segments.MoveStart(offset);
            }
            catch (FileNotMadeException exception)
            {
                throw NotMade(exception); // nothing has changed
            }
            catch (Exception exception) when (IsStorageFailure(exception))
            {
                _condition.Fail(exception);
                throw new LogReadOnlyException(exception);
            }
        }

        _segments.Remove(truncated); // outside the lock: appends do not wait for it
    }

    /// <summary>Flushes what was written since the last flush. For <see cref="FlushMode.Interval"/>.</summary>
    public void FlushWritten()
    {
        lock (_writing)
        {
            FailOnStorageFailure(() =>
            {
                _segments.FlushBefore(ulong.MaxValue);
                _segments.TryMark(); // reaches the device with the next flush
            });
        }
    }

    /// <summary>
    /// Checks that the files are still in place, and records in the last segment how far it is flushed, so that an incomplete copy of it is
    /// not mistaken for a complete one.
    /// </summary>
    public void Watch()
    {
        lock (_writing)
        {
            FailOnStorageFailure(() =>
            {
                _storage.RequirePresence(_segments.Last.Segment.Name, _segments.Last.File);
                if (_options.FlushMode == FlushMode.Always && _segments.TryMark())
                    _segments.Last.Flush();
            });
        }
    }

    /// <summary>Deletes expired segments: see <see cref="SegmentChain.Retain"/>.</summary>
    public void Retain()
    {
        Segment[] expired = [];
        lock (_writing)
        {
            FailOnStorageFailure(() => expired = _segments.Retain());
        }

        _segments.Remove(expired);
    }

    /// <summary>Seals the log, unless it has failed, and closes its files.</summary>
    public void Close()
    {
        lock (_writing)
        {
            // Acknowledged records do not depend on the seal. Without it, the next opening recovers as after a crash.
            FailOnStorageFailure(_segments.Seal);
            _segments.StopSealing();
            _isClosed = true;
        }

        _segments.Close();
        _storage.Dispose();
    }

    private void FailOnStorageFailure(Action action)
    {
        if (_condition.Failure is not null || _isClosed)
            return;
        try
        {
            action();
        }
        catch (StorageFullException)
        {
            // On some file systems, overwriting the seal takes space. The next call tries again.
        }
        catch (Exception exception) when (IsStorageFailure(exception))
        {
            _condition.Fail(exception);
        }
    }

    /// <summary>Settles the first of some appends. Returns how many; 0 if it rolled to a new segment, which has room for them.</summary>
    private int CommitSome(ReadOnlySpan<PendingAppend> appends)
    {
        if (_condition.Failure is not null)
            return Settlement.Refuse(appends, _condition.Failure, static cause => new LogReadOnlyException(cause));

        var count = 0;
        var isWriting = false;
        try
        {
            var nextOffset = View.Range.NextOffset;
            _buffer.Clear();
            while (count < appends.Length && Take(appends[count], ref nextOffset))
                count++;
            if (count == 0)
            {
                _segments.Roll();
                return 0; // the caller tries again, with a segment that has room
            }

            if (_buffer.Length > 0)
            {
                _segments.Last.Reserve(_buffer.Length);
                isWriting = true;
                try
                {
                    _segments.Write(_buffer);
                }
                catch (StorageFullException)
                {
                    _segments.Last.TakeBack(); // with copy on write, a write takes new blocks, so reserved space does not help
                    isWriting = false;
                    throw;
                }

                _segments.Publish(_buffer, nextOffset);
                _condition.ReportSuccess(_buffer.Length);
            }
        }
        catch (StorageFullException exception) when (!isWriting)
        {
            _condition.ReportFull(exception, Math.Max(_buffer.Length, appends[0].Batch.SizeBytes));
            return Settlement.Refuse(appends[..Math.Max(count, 1)], exception, static cause => new LogFullException(cause));
        }
        catch (FileNotMadeException exception)
        {
            _condition.ReportNotMade(exception);
            return Settlement.Refuse(appends[..Math.Max(count, 1)], exception, static cause => NotMade(cause));
        }
        catch (Exception exception)
        {
            // Whatever the exception is, even out of memory, every caller gets an answer, and the writer does not continue from a state
            // that may be inconsistent.
            _condition.Fail(exception);
            return isWriting
                ? Settlement.LeaveUnknown(appends[..count], exception)
                : Settlement.Refuse(appends[..Math.Max(count, 1)], exception, static cause => new LogReadOnlyException(cause));
        }

        return count;
    }

    /// <summary>Adds an append to the buffer, or refuses it. Returns false if it must wait for the next write.</summary>
    private bool Take(PendingAppend append, ref ulong nextOffset)
    {
        if (append.ExpectedOffset is { } expected && expected != nextOffset)
        {
            append.Refuse(new OffsetMismatchException(expected, nextOffset));
            return true;
        }

        var size = FrameHeader.SizeBytes + append.Batch.SizeBytes;
        if (!_buffer.HasRoomFor(size) || !_segments.Last.HasRoomFor(_buffer.Length, size, _options.SegmentLimitBytes))
            return false;
        append.FirstOffset = nextOffset;
        nextOffset += (ulong)append.Batch.Count;
        _buffer.Add(append.Batch, append.FirstOffset, _segments.Last.FlushedPosition, _segments.Last.Segment.Header.Salts);
        return true;
    }

    private static LogUnavailableException NotMade(FileNotMadeException cause) =>
        new("the log cannot create a file; nothing was changed: try again later", cause);

    private static bool IsStorageFailure(Exception exception) => exception is IOException or UnauthorizedAccessException;
}
