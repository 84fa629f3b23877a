using System.Runtime.InteropServices;
using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk;

/// <summary>
/// All that changes the files of a log: groups of appends, rolls, truncation, the close. One thing at a time, under one lock; what
/// has come of it is published as a <see cref="View"/>, which readers take without the lock.
/// </summary>
/// <remarks>
/// A write, a flush or a change of the directory that fails ends the writing: nobody knows then what is on the device. Running out of
/// room before anything is written does not.
/// </remarks>
internal sealed class LogWriter(IStorage storage, DiskLogOptions options, LogRecovery.Result recovered, OffsetSignal appended)
{
    private readonly GroupBuffer _buffer = new();
    private readonly Lock _writing = new();
    private SegmentWriter _writer = recovered.Writer;
    private volatile View _view = new(recovered.Segments, recovered.Range);
    private Exception? _failure;
    private bool _isClosed;

    /// <summary>What can be read at this moment.</summary>
    public View View => _view;

    /// <summary>Commits a group of appends: all of its batches that fit one write and one segment, then the next.</summary>
    public void Commit(List<PendingAppend> group)
    {
        lock (_writing)
        {
            for (var done = 0; done < group.Count;)
                done += CommitSome(group, done);
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
            if (_failure is not null || _isClosed || _writer.FlushedPosition == _writer.Position)
                return;
            try
            {
                _writer.Flush();
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
            _isClosed = true;
            foreach (var segment in _view.Segments)
                segment.Dispose();
            storage.Dispose();
        }
    }

    private void SealLast()
    {
        if (_failure is not null)
            return;
        try
        {
            _writer.Seal(_view.Range.NextOffset);
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
                if (options.FlushMode == FlushMode.Always)
                    _writer.Flush();
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

        return Answer(group, first, count);
    }

    /// <summary>Adds an append to the group's bytes, or refuses it; false where it has to wait for the next write.</summary>
    private bool Take(PendingAppend append, ref ulong nextOffset)
    {
        if (append.ExpectedOffset is { } expected && expected != nextOffset)
        {
            append.Refusal = new OffsetMismatchException(expected, nextOffset);
            return true;
        }

        var size = FrameHeader.SizeBytes + append.Batch.SizeBytes;
        if (!_buffer.HasRoomFor(size) || !_writer.HasRoomFor(_buffer.Length, size, options.SegmentLimitBytes))
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
        appended.Advance(nextOffset);
    }

    private void Roll()
    {
        _writer.Seal(_view.Range.NextOffset);
        var next = SegmentWriter.Create(storage, _view.Range.NextOffset, options.ReserveBytes);
        _writer.Seal(_view.Range.NextOffset, isFollowed: true);
        _writer = next;
        _view = new View([.. _view.Segments, _writer.Segment], _view.Range);
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

        if (_writer.FlushedPosition < _writer.Position)
            _writer.Flush(); // the log must not begin after what a power loss leaves of it
        ReplaceStart(offset);

        // From here on it has happened.
        var firstKept = view.IndexOf(offset);
        _view = new View(view.Segments[firstKept..], view.Range with { StartOffset = offset });
        foreach (var segment in view.Segments[..firstKept])
        {
            segment.Dispose();
            TryDelete(segment.Name);
        }

        if (firstKept > 0)
            storage.FlushDirectory();
    }

    private void ReplaceStart(ulong offset)
    {
        try
        {
            StartFile.Replace(storage, offset);
        }
        catch (StorageFullException)
        {
            // Truncating is how room is made, so it must not fail for want of it: the space reserved ahead is given back.
            _writer.ReleaseReserve();
            try
            {
                StartFile.Replace(storage, offset);
            }
            catch (StorageFullException exception)
            {
                throw new LogFullException(exception);
            }
        }
    }

    /// <summary>Removes a file that is no longer part of the log; where that fails, the next opening tries again.</summary>
    private void TryDelete(string name)
    {
        try
        {
            storage.Delete(name);
        }
        catch (Exception exception) when (IsStorageFailure(exception))
        {
            // It takes room, and does no harm.
        }
    }

    private static int Answer(List<PendingAppend> group, int first, int count)
    {
        foreach (var append in CollectionsMarshal.AsSpan(group).Slice(first, count))
        {
            if (append.Refusal is { } refusal)
                append.Fail(refusal);
            else
                append.Succeed();
        }

        return count;
    }

    /// <summary>Refuses appends of which nothing was written.</summary>
    private static int Refuse(List<PendingAppend> group, int first, int count, Exception problem)
    {
        foreach (var append in CollectionsMarshal.AsSpan(group).Slice(first, count))
            append.Fail(problem is StorageFullException ? new LogFullException(problem) : new LogReadOnlyException(problem));
        return count;
    }

    /// <summary>Answers appends whose write or flush failed; those refused before were not in it.</summary>
    private static int LeaveUnknown(List<PendingAppend> group, int first, int count, Exception problem)
    {
        foreach (var append in CollectionsMarshal.AsSpan(group).Slice(first, count))
            append.Fail(append.Refusal is null ? new AppendOutcomeUnknownException(problem) : new LogReadOnlyException(problem));
        return count;
    }

    private static bool IsStorageFailure(Exception exception) => exception is IOException or UnauthorizedAccessException;
}
