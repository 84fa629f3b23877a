using System.Runtime.InteropServices;
using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk;

/// <summary>
/// A durable log in one directory of one machine. An append is acknowledged once it is flushed to the device
/// (<see cref="FlushMode.Always"/>), and readable from then on, not before.
/// </summary>
/// <remarks>
/// <para>Writing: concurrent appends form groups, each of them one write and one flush (<see cref="GroupCommit"/>). Whatever
/// changes the log's files does so under one lock, and publishes an immutable <see cref="View"/>.</para>
/// <para>Reading: takes the latest view, and no lock. A read blocks its thread while the device is read, which it is not for what
/// the operating system has in memory.</para>
/// <para>A write, a flush, or a change of the directory that fails leaves open what is on the device, so the log then takes no
/// more appends (<see cref="LogReadOnlyException"/>) until it is opened again, which finds out. Reads go on. A full disk is no such
/// failure: it is noticed before anything is written.</para>
/// <para>The byte format is described in FORMAT.md.</para>
/// </remarks>
public sealed class DiskLog : ITruncatableLog
{
    private const string LockName = "LOCK";

    private readonly IStorage _storage;
    private readonly DiskLogOptions _options;
    private readonly OffsetSignal _appended;
    private readonly GroupCommit _appends;
    private readonly BlockCache _blocks = new();
    private readonly GroupBuffer _buffer = new();
    private readonly Lock _writing = new();
    private readonly CancellationTokenSource _stopFlushing = new();
    private SegmentWriter _writer;
    private volatile View _view;
    private volatile Exception? _failure;
    private volatile bool _isDisposed;
    private bool _isClosed;
    private Task? _disposal;

    private DiskLog(IStorage storage, DiskLogOptions options, LogRecovery.Result recovered)
    {
        _storage = storage;
        _options = options;
        Recovery = recovered.Report;
        _writer = recovered.Writer;
        _view = new View(recovered.Segments, recovered.Range);
        _appended = new OffsetSignal(recovered.Range.NextOffset, this);
        _appends = new GroupCommit(Commit, Disposed);
        if (options.FlushMode == FlushMode.Interval)
            _ = FlushEveryIntervalAsync(_stopFlushing.Token);
    }

    /// <summary>The directory, as a full path.</summary>
    public string Directory => _storage.Location;

    /// <summary>What was found when the log was opened.</summary>
    public RecoveryReport Recovery { get; }

    /// <summary>Opens the log in a directory, or makes a new one there. Reads the last segment; see <see cref="Recovery"/>.</summary>
    /// <param name="directory">Made where it is not there. Files of other names in it are left alone.</param>
    /// <param name="options">How to run it.</param>
    /// <exception cref="LogInUseException">Another open log has the directory.</exception>
    /// <exception cref="LogDamagedException">What was once flushed is damaged or missing. Nothing has been changed.</exception>
    /// <exception cref="IOException">The directory cannot be made or used.</exception>
    /// <exception cref="UnauthorizedAccessException">This process may not use the directory.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its bounds.</exception>
    public static DiskLog Open(string directory, DiskLogOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options ??= new DiskLogOptions();
        options.Validate();
        return Open(new FileStorage(directory), options);
    }

    internal static DiskLog Open(IStorage storage, DiskLogOptions options, ulong initialOffset = 0)
    {
        try
        {
            storage.Lock(LockName);
            return new DiskLog(storage, options, new LogRecovery(storage, options.ReserveBytes, initialOffset).Run());
        }
        catch
        {
            storage.Dispose();
            throw;
        }
    }

    /// <summary>True: the order of the calls is the order of the log.</summary>
    public bool AppendsInCallOrder => true;

    /// <inheritdoc/>
    public ValueTask<ulong> AppendBatchAsync(RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (EndsAtOnce(cancellationToken) is { } end)
            return ValueTask.FromException<ulong>(end);
        if (batch.Count == 0)
            return ValueTask.FromException<ulong>(new ArgumentException("batch must not be empty", nameof(batch)));
        if (batch.SizeBytes > _options.BatchLimitBytes)
            return ValueTask.FromException<ulong>(new BatchTooLargeException(batch.SizeBytes, _options.BatchLimitBytes));
        return _appends.AppendAsync(batch, expectedOffset, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        if (EndsAtOnce(cancellationToken) is { } end)
            return ValueTask.FromException<RecordBatch>(end);
        var view = _view;
        if (!view.Range.Contains(offset))
            return ValueTask.FromException<RecordBatch>(new OffsetOutOfRangeException(offset, view.Range));
        try
        {
            return ValueTask.FromResult(_blocks.Read(view.SegmentOf(offset), offset));
        }
        catch (LogException exception)
        {
            return ValueTask.FromException<RecordBatch>(exception);
        }
        catch (FormatException exception)
        {
            // What was appended was no batch any more: its bytes changed after it was made.
            return ValueTask.FromException<RecordBatch>(new RecordCorruptException(offset, exception));
        }
        catch (ObjectDisposedException)
        {
            // The segment's file was closed meanwhile: with the log, or because it was truncated away.
            return ValueTask.FromException<RecordBatch>(_isDisposed ? Disposed() : new OffsetOutOfRangeException(offset, _view.Range));
        }
        catch (Exception exception) when (IsStorageFailure(exception))
        {
            return ValueTask.FromException<RecordBatch>(new LogUnavailableException(exception));
        }
    }

    /// <inheritdoc/>
    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        EndsAtOnce(cancellationToken) is { } end ? ValueTask.FromException<LogRange>(end) : ValueTask.FromResult(_view.Range);

    /// <inheritdoc/>
    public ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        EndsAtOnce(cancellationToken) is { } end ? ValueTask.FromException(end) : _appended.WaitAsync(offset, cancellationToken);

    /// <summary>
    /// Moves the start of the log forward, durably, and gives back the space of the segments that lie before it as a whole.
    /// </summary>
    /// <inheritdoc/>
    public ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        if (EndsAtOnce(cancellationToken) is { } end)
            return ValueTask.FromException(end);
        lock (_writing)
        {
            try
            {
                TruncateBefore(offset);
                return ValueTask.CompletedTask;
            }
            catch (Exception exception) when (exception is LogException or ObjectDisposedException)
            {
                return ValueTask.FromException(exception);
            }
            catch (Exception exception) when (IsStorageFailure(exception))
            {
                _failure = exception;
                return ValueTask.FromException(new LogReadOnlyException(exception));
            }
        }
    }

    /// <summary>Commits what was appended before, ends pending waits, seals the log and lets go of the directory.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_writing)
        {
            _isDisposed = true;
            return new ValueTask(_disposal ??= CloseAsync());
        }
    }

    private async Task CloseAsync()
    {
        _appended.Dispose();
        await _stopFlushing.CancelAsync().ConfigureAwait(false);
        await _appends.DrainAsync().ConfigureAwait(false);
        lock (_writing)
        {
            SealLast();
            _isClosed = true;
            foreach (var segment in _view.Segments)
                segment.Dispose();
            _storage.Dispose();
        }

        _stopFlushing.Dispose();
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

    /// <summary>Commits a group of appends: all of its batches that fit one write and one segment, then the next.</summary>
    private void Commit(List<PendingAppend> group)
    {
        lock (_writing)
        {
            for (var done = 0; done < group.Count;)
                done += CommitSome(group, done);
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

    private void Roll()
    {
        _writer.Seal(_view.Range.NextOffset);
        var next = SegmentWriter.Create(_storage, _view.Range.NextOffset, _options.ReserveBytes);
        _writer.Seal(_view.Range.NextOffset, isFollowed: true);
        _writer = next;
        _view = new View([.. _view.Segments, _writer.Segment], _view.Range);
    }

    private void TruncateBefore(ulong offset)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
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
            _storage.FlushDirectory();
    }

    private void ReplaceStart(ulong offset)
    {
        try
        {
            StartFile.Replace(_storage, offset);
        }
        catch (StorageFullException)
        {
            // Truncating is how room is made, so it must not fail for want of it: the space reserved ahead is given back.
            _writer.ReleaseReserve();
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

    /// <summary>Removes a file that is no longer part of the log; where that fails, the next opening tries again.</summary>
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

    private async Task FlushEveryIntervalAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(_options.FlushIntervalMs));
        try
        {
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false))
                FlushWritten();
        }
        catch (OperationCanceledException)
        {
            // The log is being closed, which flushes.
        }
    }

    private void FlushWritten()
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

    private Exception? EndsAtOnce(CancellationToken cancellationToken) =>
        _isDisposed ? Disposed()
        : cancellationToken.IsCancellationRequested ? new OperationCanceledException(cancellationToken)
        : null;

    private ObjectDisposedException Disposed() => new(GetType().FullName);

    /// <summary>What readers see of the log at one instant.</summary>
    private sealed class View(Segment[] segments, LogRange range)
    {
        public Segment[] Segments { get; } = segments;

        public LogRange Range { get; } = range;

        public Segment SegmentOf(ulong offset) => Segments[IndexOf(offset)];

        /// <summary>The last segment that begins at or before an offset.</summary>
        public int IndexOf(ulong offset)
        {
            int low = 0, high = Segments.Length - 1;
            while (low < high)
            {
                var middle = (low + high + 1) / 2;
                if (Segments[middle].BaseOffset <= offset)
                    low = middle;
                else
                    high = middle - 1;
            }

            return low;
        }
    }
}
