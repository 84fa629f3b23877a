using System.Diagnostics;
using System.Runtime.InteropServices;
using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk;

/// <summary>
/// All that changes the files of a log: groups of appends, rolls, truncation, retention, the close. One thing at a time, under one
/// lock; what has come of it is published as a <see cref="View"/>, which readers take without the lock.
/// </summary>
/// <remarks>
/// A write, a flush or a change of the directory that fails ends the writing: nobody knows then what is on the device. Running out of
/// room before anything is written does not.
/// </remarks>
internal sealed class LogWriter
{
    private readonly IStorage _storage;
    private readonly DiskLogOptions _options;
    private readonly OpenSegments _open;
    private readonly OffsetSignal _appended;
    private readonly SegmentSealer _sealer;
    private readonly GroupBuffer _buffer = new();
    private readonly Lock _writing = new();
    private SegmentWriter _writer;
    private volatile View _view;
    private volatile Exception? _failure;
    private bool _isClosed;

    public LogWriter(IStorage storage, DiskLogOptions options, LogRecovery.Result recovered, OffsetSignal appended)
    {
        _storage = storage;
        _options = options;
        _open = recovered.Open;
        _appended = appended;
        _writer = recovered.Writer;
        _view = new View(recovered.Segments, recovered.Range);
        _sealer = new SegmentSealer(options.Background, failure => _failure ??= failure);
    }

    /// <summary>What can be read at this moment.</summary>
    public View View => _view;

    /// <summary>
    /// Commits appends of a group from an index on: all that fit one write and one segment. Settles them, and returns how many they are.
    /// </summary>
    public int Commit(List<PendingAppend> group, int first)
    {
        lock (_writing)
        {
            while (true)
            {
                if (CommitSome(group, first) is var count and > 0)
                    return count;
            }
        }
    }

    /// <summary>Moves the start of the log, durably, and removes the segments that lie before it as a whole.</summary>
    /// <exception cref="OffsetOutOfRangeException">The offset lies past the end.</exception>
    /// <exception cref="LogFullException">There is no room for even that.</exception>
    /// <exception cref="LogReadOnlyException">The log has failed, or fails now.</exception>
    public void TruncateBefore(ulong offset)
    {
        lock (_writing)
        {
            try
            {
                MoveStart(offset);
            }
            catch (Exception exception) when (IsStorageFailure(exception))
            {
                _failure = exception;
                throw new LogReadOnlyException(exception);
            }
        }
    }

    /// <summary>Flushes what was written since the last flush: for <see cref="FlushMode.Interval"/>.</summary>
    public void FlushWritten()
    {
        lock (_writing)
        {
            if (_failure is not null || _isClosed)
                return;
            try
            {
                FlushBefore(ulong.MaxValue);
            }
            catch (Exception exception) when (IsStorageFailure(exception))
            {
                _failure = exception;
            }
        }
    }

    /// <summary>Removes what is to be kept no longer: see <see cref="Retention"/>.</summary>
    public void Retain()
    {
        lock (_writing)
        {
            if (_failure is not null || _isClosed)
                return;
            try
            {
                if (_writer.Position > SegmentHeader.SizeBytes && Retention.IsOld(_writer.Segment, _options))
                    Roll();
                else
                    RemoveExpired(isRolling: false);
            }
            catch (StorageFullException)
            {
                // The next time.
            }
            catch (Exception exception) when (IsStorageFailure(exception))
            {
                _failure = exception;
            }
        }
    }

    /// <summary>Seals the log, unless it has failed, and lets go of its files.</summary>
    public void Close()
    {
        lock (_writing)
        {
            SealLast();
            _sealer.Stop();
            _isClosed = true;
            foreach (var segment in _view.Segments)
                segment.Remove();
            _storage.Dispose();
        }
    }

    private void SealLast()
    {
        if (_failure is not null)
            return;
        try
        {
            _sealer.SealBefore(ulong.MaxValue);
            _writer.Seal(_view.Range.NextOffset, isFollowed: false);
        }
        catch (Exception exception) when (IsStorageFailure(exception))
        {
            _failure = exception; // nothing that was acknowledged depends on the seal; the next opening finds the log as after a crash
        }
    }

    private int CommitSome(List<PendingAppend> group, int first)
    {
        if (_failure is { } failure)
            return Refuse(group, first, group.Count - first, failure);

        var count = 0;
        var isWriting = false;
        try
        {
            var nextOffset = _view.Range.NextOffset;
            _buffer.Clear();
            while (first + count < group.Count && Take(group[first + count], ref nextOffset))
                count++;
            if (count == 0)
            {
                Roll();
                return 0; // again, with a segment that has room
            }

            if (_buffer.Length > 0)
            {
                _writer.Reserve(_buffer.Length);
                isWriting = true;
                _writer.Write(_buffer.Bytes);
                if (_options.FlushMode == FlushMode.Always)
                {
                    Flush();
                    DiskMetrics.GroupSize.Record(_buffer.Frames.Count);
                }

                Publish(nextOffset);
            }
        }
        catch (StorageFullException exception) when (!isWriting)
        {
            return Refuse(group, first, Math.Max(count, 1), exception);
        }
        catch (Exception exception)
        {
            // Whatever it is, memory that ran out included: nobody is left without an answer, and what may be half done is not gone on with.
            _failure = exception;
            return isWriting ? LeaveUnknown(group, first, count, exception) : Refuse(group, first, Math.Max(count, 1), exception);
        }

        return count;
    }

    /// <summary>Adds an append to the group's bytes, or refuses it; false where it has to wait for the next write.</summary>
    private bool Take(PendingAppend append, ref ulong nextOffset)
    {
        if (append.ExpectedOffset is { } expected && expected != nextOffset)
        {
            append.Refuse(new OffsetMismatchException(expected, nextOffset));
            return true;
        }

        var size = FrameHeader.SizeBytes + append.Batch.SizeBytes;
        if (!_buffer.HasRoomFor(size) || !_writer.HasRoomFor(_buffer.Length, size, _options.SegmentLimitBytes))
            return false;
        append.FirstOffset = nextOffset;
        nextOffset += (ulong)append.Batch.Count;
        _buffer.Add(append.Batch, append.FirstOffset, _writer.FlushedPosition, _writer.Segment.Header.Salt);
        return true;
    }

    /// <summary>Lets readers see what was written.</summary>
    private void Publish(ulong nextOffset)
    {
        foreach (var (offset, position) in _buffer.Frames)
            _writer.Segment.Enter(offset, _writer.Position - _buffer.Length + position);
        _writer.Segment.End = _writer.Position;
        _view = new View(_view.Segments, _view.Range with { NextOffset = nextOffset });
        _appended.Advance(nextOffset);
    }

    /// <summary>Begins a new segment. The full one is sealed in the background.</summary>
    private void Roll()
    {
        RemoveExpired(isRolling: true);
        var nextOffset = _view.Range.NextOffset;
        var full = _writer;
        var origin = new SegmentOrigin(
            _options.Clock.GetUtcNow().ToUnixTimeMilliseconds(), full.FlushedPosition < full.Position || _sealer.HasUnflushed);
        _writer = SegmentWriter.Create(_storage, _open, SegmentHeader.New(nextOffset, origin), _options.Reserve);
        _view = new View([.. _view.Segments, _writer.Segment], _view.Range);
        _sealer.Enqueue(full, nextOffset);
        RemoveExpired(isRolling: false); // the full one itself, where a single batch made it larger than what may be kept
    }

    private void RemoveExpired(bool isRolling)
    {
        try
        {
            MoveStart(Retention.StartOf(_view, _options, isRolling));
        }
        catch (LogException)
        {
            // Full, so the next time; or a seal has failed meanwhile. It is not what whoever appends, or opens the log, has to hear.
        }
    }

    /// <summary>
    /// Flushes what was written before an offset, segment after segment: what is flushed of one proves that those before it are.
    /// </summary>
    private void FlushBefore(ulong offset)
    {
        _sealer.SealBefore(offset);
        if (_writer.Segment.BaseOffset < offset && _writer.FlushedPosition < _writer.Position)
            Flush();
    }

    private void Flush()
    {
        var started = DiskMetrics.FlushDuration.Enabled ? Stopwatch.GetTimestamp() : 0;
        _writer.Flush();
        if (started != 0)
            DiskMetrics.FlushDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private void MoveStart(ulong offset)
    {
        ObjectDisposedException.ThrowIf(_isClosed, typeof(DiskLog));
        if (_failure is { } failure)
            throw new LogReadOnlyException(failure);
        var view = _view;
        if (offset > view.Range.NextOffset)
            throw new OffsetOutOfRangeException(offset, view.Range);
        if (offset <= view.Range.StartOffset)
            return;

        FlushBefore(offset); // the log must not begin after what a power loss leaves of it
        var firstKept = view.IndexOf(offset);
        ReplaceStart(offset, view.Segments.AsSpan(0, firstKept));

        // From here on it has happened.
        _view = new View(view.Segments[firstKept..], view.Range with { StartOffset = offset });
        foreach (var segment in view.Segments[..firstKept])
        {
            segment.Remove();
            TryDelete(segment.Name);
            TryDelete(SegmentName.OfIndex(segment.BaseOffset));
        }

        if (firstKept > 0)
            _storage.FlushDirectory();
    }

    private void ReplaceStart(ulong offset, ReadOnlySpan<Segment> leaving)
    {
        try
        {
            StartFile.Replace(_storage, offset);
        }
        catch (StorageFullException)
        {
            // Truncating is how room is made, so it must not fail for want of it: what the log can do without is given back.
            _writer.ReleaseReserve();
            foreach (var segment in leaving)
                TryDelete(SegmentName.OfIndex(segment.BaseOffset));
            try
            {
                StartFile.Replace(_storage, offset);
            }
            catch (StorageFullException exception)
            {
                throw new LogFullException(exception);
            }
        }
    }

    /// <summary>Removes a file that is no longer needed; where that fails, the next opening tries again.</summary>
    private void TryDelete(string name)
    {
        try
        {
            _storage.Delete(name);
        }
        catch (Exception exception) when (IsStorageFailure(exception))
        {
            // It takes room, and does no harm.
        }
    }

    /// <summary>Refuses appends of which nothing was written.</summary>
    private static int Refuse(List<PendingAppend> group, int first, int count, Exception problem)
    {
        foreach (var append in CollectionsMarshal.AsSpan(group).Slice(first, count))
            append.Refuse(problem is StorageFullException ? new LogFullException(problem) : new LogReadOnlyException(problem));
        return count;
    }

    /// <summary>Settles appends whose write or flush failed; those refused before were not in it.</summary>
    private static int LeaveUnknown(List<PendingAppend> group, int first, int count, Exception problem)
    {
        foreach (var append in CollectionsMarshal.AsSpan(group).Slice(first, count))
            append.Refuse(append.IsRefused ? new LogReadOnlyException(problem) : new AppendOutcomeUnknownException(problem));
        return count;
    }

    private static bool IsStorageFailure(Exception exception) => exception is IOException or UnauthorizedAccessException;
}
