using LogKit.Disk.Storage;

namespace LogKit.Disk.Writing;

/// <summary>Whether a log takes appends, and if not, why. Tells the log's operator of each change, once.</summary>
/// <param name="events">Where changes are reported.</param>
/// <param name="location">The log's directory, for the reports.</param>
internal sealed class WriteCondition(LogEvents events, string location)
{
    private Exception? _failure; // set once, by whoever fails first; read without a lock
    private long? _fullAtBytes; // under the writer's lock; the least that there was no room for, while the log is full
    private bool _lacksResource; // under the writer's lock

    /// <summary>The failure that ended the writing for good; null if there is none.</summary>
    public Exception? Failure => Volatile.Read(ref _failure);

    /// <summary>Ends the writing. Only the first failure counts. On any thread.</summary>
    public void Fail(Exception failure)
    {
        if (Interlocked.CompareExchange(ref _failure, failure, null) is not null)
            return;
        events.Report(new LogEvent(
            LogEventKind.ReadOnly,
            $"the log in {location} takes no more appends: {failure.Message} What was acknowledged can still be read. Remove the cause, "
            + "then restart the server, or open the log again.".ReplaceLineEndings(" "),
            failure));
    }

    /// <summary>A write was refused because there is no room. Under the writer's lock.</summary>
    /// <param name="cause">What found none.</param>
    /// <param name="bytes">How large the write was to be.</param>
    public void ReportFull(StorageFullException cause, long bytes)
    {
        var isKnown = _fullAtBytes is not null;
        _fullAtBytes = Math.Min(_fullAtBytes ?? long.MaxValue, bytes);
        if (isKnown)
            return;
        events.Report(new LogEvent(
            LogEventKind.Full,
            $"the log in {location} refuses appends, as there is no room: {cause.Message} Free space on the volume, set a retention "
            + "limit or truncate the log; appends then go on by themselves.",
            cause));
    }

    /// <summary>The next segment could not be made, which leaves nothing in doubt. Under the writer's lock.</summary>
    public void ReportNotMade(FileNotMadeException cause)
    {
        if (_lacksResource)
            return;
        _lacksResource = true;
        events.Report(new LogEvent(
            LogEventKind.ResourceExhausted,
            $"the log in {location} refuses appends, as it can't begin its next segment: {cause.Message} Each append tries again. If file "
            + "descriptors have run out, raise the limit (ulimit -n, LimitNOFILE) or lower Log:ConnectionLimit.",
            cause));
    }

    /// <summary>A write succeeded. Under the writer's lock.</summary>
    /// <param name="bytes">How large it was. One that is smaller than what was refused does not show that there is room for that.</param>
    public void ReportSuccess(long bytes)
    {
        if (bytes >= _fullAtBytes)
        {
            _fullAtBytes = null;
            events.Report(new LogEvent(LogEventKind.RoomAgain, $"the log in {location} has room again, and takes appends"));
        }

        if (_lacksResource)
            events.Report(
                new LogEvent(LogEventKind.ResourceAvailable, $"the log in {location} could begin its next segment, and takes appends"));
        _lacksResource = false;
    }
}
