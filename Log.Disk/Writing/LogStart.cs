using LogKit.Disk.Format;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Writing;

/// <summary>
/// Moves the start of a log, and removes the segments before it. The start is what counts: whatever is left before it, as after a crash,
/// the next opening removes. So files are deleted beside the appends, which do not wait for them.
/// </summary>
/// <param name="storage">Where the log is.</param>
/// <param name="logId">The log's identity.</param>
/// <param name="background">Runs something, not on the caller's thread.</param>
/// <param name="events">Where it is reported that a file cannot be removed.</param>
/// <param name="failed">Is told of a failure after which nobody knows what is on the device.</param>
internal sealed class LogStart(IStorage storage, Guid logId, Action<Action> background, LogEvents events, Action<Exception> failed)
{
    /// <summary>
    /// How many segments an append removes itself, which is as many as its own new one calls for; more go in the background.
    /// </summary>
    private const int SomeSegments = 8;

    private readonly Lock _removing = new();
    private readonly List<string> _left = []; // under _removing; files that could not be removed
    private volatile bool _hasLeft; // written under _removing; whether there are any
    private bool _isStopped; // under _removing

    /// <summary>Replaces the start, durably. For the writer, under its lock.</summary>
    /// <param name="offset">The new start.</param>
    /// <param name="segments">The log's segments. Those before the start are removed afterwards.</param>
    /// <param name="writer">The last segment.</param>
    /// <exception cref="LogFullException">There is no room for it.</exception>
    public void Replace(ulong offset, ReadOnlySpan<Segment> segments, SegmentWriter writer)
    {
        if (TryReplace(offset) is not { } failure)
            return;

        // Truncating is how room is made, so it must not fail for want of it: what the log can do without is given back, the indexes
        // of the segments that leave before others.
        writer.ReleaseReserve();
        for (var i = 0; TryReplace(offset) is not null; i++)
        {
            if (i == segments.Length)
                throw new LogFullException(failure);
            _ = TryDelete(SegmentName.OfIndex(segments[i].BaseOffset)); // what stays, stays
        }
    }

    /// <summary>Removes segments that are before the start, oldest first: a few at once, and the rest in the background.</summary>
    public void RemoveSome(Segment[] segments)
    {
        if (segments.Length <= SomeSegments)
        {
            Remove(segments);
            return;
        }

        Remove(segments[..SomeSegments]);
        background(() => Remove(segments[SomeSegments..]));
    }

    /// <summary>Removes segments that are before the start, oldest first, and what could not be removed before.</summary>
    public void Remove(Segment[] segments)
    {
        if (segments.Length == 0 && !_hasLeft)
            return;
        lock (_removing)
        {
            foreach (var segment in segments)
            {
                segment.Remove();
                if (_isStopped)
                    continue; // the directory may be another log's by now
                _left.Add(segment.Name);
                _left.Add(SegmentName.OfIndex(segment.BaseOffset));
            }

            if (_isStopped)
                return;
            RemoveLeft();
            try
            {
                storage.FlushDirectory();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                failed(exception); // it may have been for a name that matters
            }
        }
    }

    /// <summary>Waits for removals that have begun, and lets no other begin.</summary>
    public void Stop()
    {
        lock (_removing)
            _isStopped = true;
    }

    private StorageFullException? TryReplace(ulong offset)
    {
        try
        {
            StartFile.Replace(storage, offset, logId);
            return null;
        }
        catch (StorageFullException exception)
        {
            return exception;
        }
    }

    /// <summary>
    /// Removes what is left before the start. What cannot be removed takes room, and does no harm: the next time is another try.
    /// </summary>
    private void RemoveLeft()
    {
        Exception? failure = null;
        _left.RemoveAll(name =>
        {
            var problem = TryDelete(name);
            failure ??= problem;
            return problem is null;
        });
        if (failure is not null && !_hasLeft)
        {
            events.Report(
                new LogEvent(
                    LogEventKind.Notice,
                    $"files in {storage.Location} that the log needs no longer cannot be removed, and go on taking room: {failure.Message} "
                        + "They are tried "
                        + "again with every removal and when the log is opened.",
                    failure));
        }
        else if (failure is null && _hasLeft)
        {
            events.Report(new LogEvent(LogEventKind.Notice, $"the files in {storage.Location} that could not be removed are removed now"));
        }

        _hasLeft = failure is not null;
    }

    private Exception? TryDelete(string name)
    {
        try
        {
            storage.Delete(name);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return exception;
        }
    }
}
