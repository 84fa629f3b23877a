using LogKit.Disk.Storage;

namespace LogKit.Disk.Writing;

/// <summary>Whether a log accepts appends, and if not, why. Reports each change once.</summary>
/// <param name="events">Receives the reports.</param>
/// <param name="location">The directory of the log, for the reports.</param>
internal sealed class WriteCondition(LogEvents events, string location)
{
    private Exception? _failure; // set once, with Interlocked, by whoever fails first; read with Volatile
    private long? _fullAtBytes; // under the writer's lock; while the log is full, the size of the smallest refused write
    private bool _lacksResource; // under the writer's lock

    /// <summary>The failure that stopped the writer; null if there is none.</summary>
    public Exception? Failure => Volatile.Read(ref _failure);

    /// <summary>Stops the writer. Only the first failure counts. Called on any thread.</summary>
    public void Fail(Exception failure)
    {
        if (Interlocked.CompareExchange(ref _failure, failure, null) is not null)
            return;
        events.Report(new LogEvent(
            LogEventKind.ReadOnly,
            $"the log in {location} is now read-only: {failure.Message} Acknowledged records can still be read. Fix the cause, then "
            + "restart the server or reopen the log.",
            failure));
    }

    /// <summary>Records that a write was refused because there is no space. Called under the writer's lock.</summary>
    /// <param name="cause">The error.</param>
    /// <param name="bytes">The size of the write.</param>
    public void ReportFull(StorageFullException cause, long bytes)
    {
        var isKnown = _fullAtBytes is not null;
        _fullAtBytes = Math.Min(_fullAtBytes ?? long.MaxValue, bytes);
        if (isKnown)
            return;
        events.Report(new LogEvent(
            LogEventKind.Full,
            $"the log in {location} refuses appends because the volume is full: {cause.Message} Free space on the volume, set a "
            + "retention limit, or truncate the log; appends then resume on their own.",
            cause));
    }

    /// <summary>
    /// Records that the next segment could not be created, which leaves nothing in doubt. Called under the writer's lock.
    /// </summary>
    public void ReportNotMade(FileNotMadeException cause)
    {
        if (_lacksResource)
            return;
        _lacksResource = true;
        events.Report(new LogEvent(
            LogEventKind.ResourceExhausted,
            $"the log in {location} refuses appends because it cannot create its next segment: {cause.Message} Each append tries "
            + "again. If file descriptors have run out, raise the limit (ulimit -n, LimitNOFILE) or lower Log:ConnectionLimit.",
            cause));
    }

    /// <summary>Records that a write succeeded. Called under the writer's lock.</summary>
    /// <param name="bytes">
    /// The size of the write. If it is smaller than the refused one, it does not show that there is space again.
    /// </param>
    public void ReportSuccess(long bytes)
    {
        if (bytes >= _fullAtBytes)
        {
            _fullAtBytes = null;
            events.Report(new LogEvent(LogEventKind.RoomAgain, $"the log in {location} has space again and accepts appends"));
        }

        if (_lacksResource)
            events.Report(
                new LogEvent(LogEventKind.ResourceAvailable, $"the log in {location} created its next segment and accepts appends again"));
        _lacksResource = false;
    }
}
