using System.Diagnostics;
using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Retaining;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Writing;

/// <summary>
/// The segments of an open log: writes to the last one, starts the next one, and moves the start of the log. Everything but
/// <see cref="View"/> and <see cref="Remove"/> is called under the lock of <see cref="LogWriter"/>.
/// </summary>
internal sealed class SegmentChain
{
    /// <summary>The number of flushed bytes after which the seal is updated: see <see cref="SegmentWriter.Mark"/>.</summary>
    private const long MarkIntervalBytes = 1024 * 1024;

    private readonly IStorage _storage;
    private readonly OpenSegments _open;
    private readonly OffsetSignal _appended;
    private readonly WriteCondition _condition;
    private readonly SegmentSealer _sealer;
    private readonly LogStart _start;
    private readonly RetentionClock _clock;
    private readonly Guid _logId;

    private SegmentWriter _last; // under the writer's lock; always that of the view's last segment
    private volatile LogView _view; // replaced under the writer's lock, read by any thread; immutable

    public SegmentChain(
        IStorage storage,
        DiskLogOptions options,
        LogRecovery.Result recovered,
        OffsetSignal appended,
        LogEvents events,
        WriteCondition condition)
    {
        _storage = storage;
        Options = options;
        _open = recovered.Open;
        _appended = appended;
        _condition = condition;
        _last = recovered.Writer;
        _logId = recovered.LogId;
        _view = new LogView(recovered.Segments, recovered.Range);
        _sealer = new SegmentSealer(options.Background, condition.Fail);
        _start = new LogStart(storage, _logId, options.Background, events, condition.Fail);
        _clock = new RetentionClock(options.Clock, events, storage.Location);
        _clock.CheckAgainst(_view.Segments, options.RetentionLimitMs);
    }

    /// <summary>The options, of which the limits may change.</summary>
    public DiskLogOptions Options { get; set; }

    /// <summary>What can currently be read. On any thread.</summary>
    public LogView View => _view;

    /// <summary>The segment that is written to.</summary>
    public SegmentWriter Last => _last;

    /// <summary>Writes a group, for which space is reserved. Flushes it if the mode is <see cref="FlushMode.Always"/>.</summary>
    public void Write(GroupBuffer group)
    {
        var isAlways = Options.FlushMode == FlushMode.Always;
        if (isAlways && _last.FlushedPosition - _last.MarkedPosition >= MarkIntervalBytes)
            _last.Mark(_view.Range.NextOffset); // reaches the device with the group
        _last.Write(group.Bytes);
        if (!isAlways)
            return;
        Flush();
        DiskMetrics.GroupSize.Record(group.Frames.Count);
    }

    /// <summary>Makes the written group readable.</summary>
    /// <param name="group">The group.</param>
    /// <param name="nextOffset">The offset after the group.</param>
    public void Publish(GroupBuffer group, ulong nextOffset)
    {
        Debug.Assert(_view.Segments[^1] == _last.Segment, "the last segment is the one that is written to");
        Debug.Assert(group.Frames[0].FirstOffset == _view.Range.NextOffset, "offsets are dense");
        Debug.Assert(_last.Position == _last.Segment.End + group.Length, "the group is all that was written");
        Debug.Assert(
            Options.FlushMode != FlushMode.Always || _last.FlushedPosition == _last.Position,
            "nothing becomes readable before it is flushed");
        foreach (var (offset, position) in group.Frames)
            _last.Segment.Add(offset, _last.Position - group.Length + position);
        _last.Segment.End = _last.Position;
        _view = new LogView(_view.Segments, _view.Range with { NextOffset = nextOffset });
        _appended.Advance(nextOffset);
    }

    /// <summary>Starts a new segment. The full one is sealed in the background.</summary>
    /// <exception cref="StorageFullException">There is no space for the new segment. Nothing has changed.</exception>
    /// <exception cref="FileNotMadeException">The file cannot be created. Nothing has changed.</exception>
    public void Roll()
    {
        _start.RemoveSome(MoveStartForRetention(isRolling: true));
        var nextOffset = _view.Range.NextOffset;
        var full = _last;
        var (createdMs, isAfterClockChange) = _clock.Stamp();
        var origin = new SegmentOrigin(createdMs, full.FlushedPosition < full.Position || _sealer.HasUnflushed, isAfterClockChange);
        var header = SegmentHeader.New(nextOffset, origin, _logId, full.Segment.Header);
        Debug.Assert(full.Position == full.Segment.End, "no group is being written");
        _last = SegmentWriter.Create(_storage, _open, header, Options.Reserve);
        _clock.Stamped();
        _view = new LogView([.. _view.Segments, _last.Segment], _view.Range);
        _sealer.Enqueue(full, nextOffset);
        _start.RemoveSome(MoveStartForRetention(isRolling: false)); // includes the full one, if a single batch made it exceed the limit
    }

    /// <summary>
    /// Moves the start as retention requires: see <see cref="RetentionPolicy"/>. Returns the segments to <see cref="Remove"/>.
    /// </summary>
    public Segment[] Retain()
    {
        _clock.Look();
        if (_last.Position > SegmentHeader.SizeBytes
            && (_clock.ChangedAtMs is not null || RetentionPolicy.IsLastOld(_view, Options, _clock)))
            TryRoll();
        return MoveStartForRetention(isRolling: false);
    }

    /// <summary>Moves the start. Returns the segments that lie entirely before it, which are to be deleted.</summary>
    /// <exception cref="OffsetOutOfRangeException">The offset is past the end.</exception>
    /// <exception cref="LogFullException">There is no space even for the new start.</exception>
    /// <exception cref="LogReadOnlyException">The log has failed.</exception>
    public Segment[] MoveStart(ulong offset)
    {
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
        _start.Replace(offset, view.Segments, _last);
        _view = new LogView(view.Segments[firstKept..], view.Range with { StartOffset = offset }); // takes effect
        return truncated;
    }

    /// <summary>Deletes segments before the start. Needs no lock, so that appends do not wait for it.</summary>
    public void Remove(Segment[] segments) => _start.Remove(segments);

    /// <summary>
    /// Flushes what was written before an offset, segment by segment: flushed data of a segment proves that earlier segments are flushed.
    /// </summary>
    public void FlushBefore(ulong offset)
    {
        _sealer.SealBefore(offset);
        if (_last.Segment.BaseOffset < offset && _last.FlushedPosition < _last.Position)
            Flush();
    }

    /// <summary>Records in the seal of the last segment how far it is flushed. Returns false if the seal says so already.</summary>
    public bool TryMark()
    {
        if (_last.MarkedPosition == _last.FlushedPosition)
            return false;
        _last.Mark(_view.Range.NextOffset);
        return true;
    }

    /// <summary>Seals all segments, the last one included.</summary>
    public void Seal()
    {
        _sealer.SealBefore(ulong.MaxValue);
        _last.Seal(_view.Range.NextOffset, isFollowed: false);
    }

    /// <summary>Stops sealing in the background. The next opening finds the segments that were waiting.</summary>
    public void StopSealing() => _sealer.Stop();

    /// <summary>Waits for deletions in progress, prevents others, and closes the files.</summary>
    public void Close()
    {
        _start.Stop();
        foreach (var segment in _view.Segments)
            segment.Remove();
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
            return MoveStart(RetentionPolicy.StartOf(_view, Options, _clock, isRolling));
        }
        catch (Exception exception) when (exception is LogException or FileNotMadeException)
        {
            return []; // no space, or a seal has failed: neither is an error of the append or the opening that triggered this
        }
    }

    private void Flush()
    {
        var started = DiskMetrics.FlushDuration.Enabled ? Stopwatch.GetTimestamp() : 0;
        _last.Flush();
        if (started != 0)
            DiskMetrics.FlushDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
    }
}
