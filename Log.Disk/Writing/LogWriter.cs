using System.Diagnostics;
using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Retaining;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Writing;

/// <summary>
/// Everything that changes the files of a log: appending groups, rolling to a new segment, truncation, retention, and closing. One
/// operation runs at a time, under one lock, and publishes its result as a <see cref="LogView"/>, which readers take without the lock.
/// </summary>
/// <remarks>
/// After a failed write or flush, nobody knows what is on the device, so the writer stops for good. It also stops if its files lose their
/// names. It does not stop when it runs out of space, provided that a partial write can be undone, or when a segment cannot be created:
/// the next append tries again.
/// </remarks>
internal sealed class LogWriter : IGroupCommitter
{
    /// <summary>The number of flushed bytes after which the seal is updated: see <see cref="SegmentWriter.Mark"/>.</summary>
    private const long MarkIntervalBytes = 1024 * 1024;

    private readonly IStorage _storage;
    private readonly DiskLogOptions _options;
    private readonly OpenSegments _open;
    private readonly OffsetSignal _appended;
    private readonly WriteCondition _condition;
    private readonly SegmentSealer _sealer;
    private readonly LogStart _start;
    private readonly RetentionClock _clock;
    private readonly Guid _logId;

    /// <summary>Guards the fields below, and the files. Held during device I/O.</summary>
    private readonly Lock _writing = new();
    private readonly GroupBuffer _buffer = new(); // under _writing
    private SegmentWriter _segmentWriter; // under _writing; always that of the view's last segment
    private volatile LogView _view; // replaced under _writing, read by any thread; immutable
    private bool _isClosed; // under _writing

    public LogWriter(IStorage storage, DiskLogOptions options, LogRecovery.Result recovered, OffsetSignal appended, LogEvents events)
    {
        _storage = storage;
        _options = options;
        _open = recovered.Open;
        _appended = appended;
        _segmentWriter = recovered.Writer;
        _logId = recovered.LogId;
        _view = new LogView(recovered.Segments, recovered.Range);
        _condition = new WriteCondition(events, storage.Location);
        _sealer = new SegmentSealer(options.Background, _condition.Fail);
        _start = new LogStart(storage, _logId, options.Background, events, _condition.Fail);
        _clock = new RetentionClock(options.Clock, events, storage.Location);
        _clock.CheckAgainst(_view.Segments, options.RetentionLimitMs);
    }

    /// <summary>What can currently be read.</summary>
    public LogView View => _view;

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
                truncated = MoveStart(offset);
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

        _start.Remove(truncated); // outside the lock: appends do not wait for it
    }

    /// <summary>Flushes what was written since the last flush. For <see cref="FlushMode.Interval"/>.</summary>
    public void FlushWritten()
    {
        lock (_writing)
        {
            FailOnStorageFailure(() =>
            {
                FlushBefore(ulong.MaxValue);
                if (_segmentWriter.MarkedPosition < _segmentWriter.FlushedPosition)
                    _segmentWriter.Mark(_view.Range.NextOffset); // reaches the device with the next flush
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
                _storage.RequirePresence(_segmentWriter.Segment.Name, _segmentWriter.File);
                if (_options.FlushMode != FlushMode.Always || _segmentWriter.MarkedPosition == _segmentWriter.FlushedPosition)
                    return;
                _segmentWriter.Mark(_view.Range.NextOffset);
                _segmentWriter.Flush();
            });
        }
    }

    /// <summary>Deletes expired segments: see <see cref="RetentionPolicy"/>.</summary>
    public void Retain()
    {
        Segment[] expired = [];
        lock (_writing)
        {
            FailOnStorageFailure(() =>
            {
                _clock.Look();
                if (_segmentWriter.Position > SegmentHeader.SizeBytes
                    && (_clock.ChangedAtMs is not null || RetentionPolicy.IsLastOld(_view, _options, _clock)))
                    TryRoll();
                expired = MoveStartForRetention(isRolling: false);
            });
        }

        _start.Remove(expired);
    }

    /// <summary>Seals the log, unless it has failed, and closes its files.</summary>
    public void Close()
    {
        lock (_writing)
        {
            // Acknowledged records do not depend on the seal. Without it, the next opening recovers as after a crash.
            FailOnStorageFailure(() =>
            {
                _sealer.SealBefore(ulong.MaxValue);
                _segmentWriter.Seal(_view.Range.NextOffset, isFollowed: false);
            });
            _sealer.Stop();
            _isClosed = true;
        }

        _start.Stop();
        foreach (var segment in _view.Segments)
            segment.Remove();
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
            var nextOffset = _view.Range.NextOffset;
            _buffer.Clear();
            while (count < appends.Length && Take(appends[count], ref nextOffset))
                count++;
            if (count == 0)
            {
                Roll();
                return 0; // the caller tries again, with a segment that has room
            }

            if (_buffer.Length > 0)
            {
                _segmentWriter.Reserve(_buffer.Length);
                isWriting = true;
                try
                {
                    Write();
                }
                catch (StorageFullException)
                {
                    _segmentWriter.TakeBack(); // with copy on write, a write takes new blocks, so reserved space does not help
                    isWriting = false;
                    throw;
                }

                Publish(nextOffset);
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
        if (!_buffer.HasRoomFor(size) || !_segmentWriter.HasRoomFor(_buffer.Length, size, _options.SegmentLimitBytes))
            return false;
        append.FirstOffset = nextOffset;
        nextOffset += (ulong)append.Batch.Count;
        _buffer.Add(append.Batch, append.FirstOffset, _segmentWriter.FlushedPosition, _segmentWriter.Segment.Header.Salts);
        return true;
    }

    private void Write()
    {
        if (_options.FlushMode == FlushMode.Always && _segmentWriter.FlushedPosition - _segmentWriter.MarkedPosition >= MarkIntervalBytes)
            _segmentWriter.Mark(_view.Range.NextOffset); // reaches the device with the group
        _segmentWriter.Write(_buffer.Bytes);
        if (_options.FlushMode != FlushMode.Always)
            return;
        Flush();
        DiskMetrics.GroupSize.Record(_buffer.Frames.Count);
    }

    /// <summary>Makes the written group readable.</summary>
    private void Publish(ulong nextOffset)
    {
        Debug.Assert(_view.Segments[^1] == _segmentWriter.Segment, "the last segment is the one that is written to");
        Debug.Assert(_buffer.Frames[0].FirstOffset == _view.Range.NextOffset, "offsets are dense");
        Debug.Assert(_segmentWriter.Position == _segmentWriter.Segment.End + _buffer.Length, "the group is all that was written");
        Debug.Assert(
            _options.FlushMode != FlushMode.Always || _segmentWriter.FlushedPosition == _segmentWriter.Position,
            "nothing becomes readable before it is flushed");
        foreach (var (offset, position) in _buffer.Frames)
            _segmentWriter.Segment.Add(offset, _segmentWriter.Position - _buffer.Length + position);
        _segmentWriter.Segment.End = _segmentWriter.Position;
        _view = new LogView(_view.Segments, _view.Range with { NextOffset = nextOffset });
        _appended.Advance(nextOffset);
    }

    /// <summary>Starts a new segment. The full one is sealed in the background.</summary>
    private void Roll()
    {
        _start.RemoveSome(MoveStartForRetention(isRolling: true));
        var nextOffset = _view.Range.NextOffset;
        var full = _segmentWriter;
        var (createdMs, isAfterClockChange) = _clock.Stamp();
        var origin = new SegmentOrigin(createdMs, full.FlushedPosition < full.Position || _sealer.HasUnflushed, isAfterClockChange);
        var header = SegmentHeader.New(nextOffset, origin, _logId, full.Segment.Header);
        Debug.Assert(full.Position == full.Segment.End, "no group is being written");
        _segmentWriter = SegmentWriter.Create(_storage, _open, header, _options.Reserve);
        _clock.Stamped();
        _view = new LogView([.. _view.Segments, _segmentWriter.Segment], _view.Range);
        _sealer.Enqueue(full, nextOffset);
        _start.RemoveSome(MoveStartForRetention(isRolling: false)); // includes the full one, if a single batch made it exceed the limit
    }

    private void TryRoll()
    {
        try
        {
            Roll();
        }
        catch (Exception exception) when (exception is StorageFullException or FileNotMadeException)
        {
            // The next call tries again. If the problem persists, appends report it.
        }
    }

    private Segment[] MoveStartForRetention(bool isRolling)
    {
        try
        {
            return MoveStart(RetentionPolicy.StartOf(_view, _options, _clock, isRolling));
        }
        catch (Exception exception) when (exception is LogException or FileNotMadeException)
        {
            return []; // no space, or a seal has failed: neither is an error of the append or the opening that triggered this
        }
    }

    /// <summary>
    /// Flushes what was written before an offset, segment by segment: flushed data of a segment proves that earlier segments are flushed.
    /// </summary>
    private void FlushBefore(ulong offset)
    {
        _sealer.SealBefore(offset);
        if (_segmentWriter.Segment.BaseOffset < offset && _segmentWriter.FlushedPosition < _segmentWriter.Position)
            Flush();
    }

    private void Flush()
    {
        var started = DiskMetrics.FlushDuration.Enabled ? Stopwatch.GetTimestamp() : 0;
        _segmentWriter.Flush();
        if (started != 0)
            DiskMetrics.FlushDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>Moves the start. Returns the segments that lie entirely before it, which are to be deleted.</summary>
    private Segment[] MoveStart(ulong offset)
    {
        ObjectDisposedException.ThrowIf(_isClosed, typeof(DiskLog));
        if (_condition.Failure is { } failure)
            throw new LogReadOnlyException(failure);
        var view = _view;
        if (offset > view.Range.NextOffset)
            throw new OffsetOutOfRangeException(offset, view.Range);
        if (offset <= view.Range.StartOffset)
            return [];

        FlushBefore(offset); // otherwise a power loss could leave a log that ends before its start
        var firstKept = view.IndexOf(offset);
        var truncated = view.Segments[..firstKept];
        _start.Replace(offset, view.Segments, _segmentWriter);
        _view = new LogView(view.Segments[firstKept..], view.Range with { StartOffset = offset }); // takes effect
        return truncated;
    }

    private static LogUnavailableException NotMade(FileNotMadeException cause) =>
        new("the log cannot create a file: nothing was changed, try again later", cause);

    private static bool IsStorageFailure(Exception exception) => exception is IOException or UnauthorizedAccessException;
}
