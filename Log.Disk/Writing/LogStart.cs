using LogKit.Disk.Format;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Writing;

/// <summary>
/// Moves the start of a log and deletes the segments before it. Only the start counts: segments that remain before it, for example after a
/// crash, are deleted when the log is next opened. So files are deleted concurrently with appends.
/// </summary>
/// <param name="storage">The directory of the log.</param>
/// <param name="logId">The log's identity.</param>
/// <param name="background">Runs an action on another thread.</param>
/// <param name="events">Receives a report if a file cannot be deleted.</param>
/// <param name="failed">Receives a failure after which the contents of the device are unknown.</param>
internal sealed class LogStart(IStorage storage, Guid logId, Action<Action> background, LogEvents events, Action<Exception> failed)
{
    /// <summary>
    /// The number of segments that an append deletes itself, which covers what its own new segment displaces. More are deleted in the
    /// background.
    /// </summary>
    private const int SomeSegments = 8;

    private readonly Lock _removing = new();
    private readonly List<string> _left = []; // under _removing; files that could not be deleted
    private volatile bool _hasLeft; // written under _removing; whether there are any
    private bool _isStopped; // under _removing

    /// <summary>Replaces the start, durably. Called by the writer, under its lock.</summary>
    /// <param name="offset">The new start.</param>
    /// <param name="segments">The segments of the log. Those before the start are deleted later.</param>
    /// <param name="writer">The last segment.</param>
    /// <exception cref="LogFullException">There is no space for it.</exception>
    public void Replace(ulong offset, ReadOnlySpan<Segment> segments, SegmentWriter writer)
    {
        if (TryReplace(offset) is not { } failure)
            return;

        // Truncation frees space, so it must not fail for lack of space. Release what the log can do without: reserved space, then
        // indexes, first those of the segments that are about to go.
        writer.ReleaseReserve();
        for (var i = 0; TryReplace(offset) is not null; i++)
        {
            if (i == segments.Length)
                throw new LogFullException(failure);
            _ = TryDelete(SegmentName.OfIndex(segments[i].BaseOffset));
        }
    }

    /// <summary>Deletes segments before the start, oldest first: a few now, and the rest in the background.</summary>
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

    /// <summary>Deletes segments before the start, oldest first, and files that could not be deleted earlier.</summary>
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
                    continue; // the directory may belong to another log by now
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
                failed(exception); // the flush may have covered other names as well
            }
        }
    }

    /// <summary>Waits for deletions in progress, and prevents others.</summary>
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
    /// Deletes what is left before the start. A file that cannot be deleted only takes space; the next call tries again.
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
                    $"files in {storage.Location} that the log no longer needs cannot be removed and still take up space: "
                        + $"{failure.Message} Every later removal, and the next opening, tries again.",
                    failure));
        }
        else if (failure is null && _hasLeft)
        {
            events.Report(new LogEvent(LogEventKind.Notice, $"the files in {storage.Location} that could not be removed are now removed"));
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
