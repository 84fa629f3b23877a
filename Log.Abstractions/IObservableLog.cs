namespace LogKit;

/// <summary>A log that reports changes of its own state, for whoever operates it.</summary>
/// <remarks><see cref="LogEvents"/> implements the reporting.</remarks>
public interface IObservableLog : ILog
{
    /// <summary>Calls an observer once for each change, in order, until the returned subscription is disposed.</summary>
    /// <param name="observer">
    /// Is first called for the latest changes before the subscription, among them what happened while the log was opened. Runs on a
    /// thread of the pool, one call at a time, and never inside a lock of the log. What it throws is ignored.
    /// </param>
    /// <returns>The subscription. A call that is already running may still end after its disposal.</returns>
    IDisposable Observe(Action<LogEvent> observer);
}

/// <summary>A change of a log's state that its operator should know about.</summary>
/// <param name="Kind">What changed.</param>
/// <param name="Message">What happened, why, and what to do next: one line of text.</param>
/// <param name="Cause">The failure behind it; null if there is none.</param>
public sealed record LogEvent(LogEventKind Kind, string Message, Exception? Cause = null);

/// <summary>What changed about a log.</summary>
public enum LogEventKind
{
    /// <summary>A write failed. The log takes no appends until it is opened again.</summary>
    ReadOnly,

    /// <summary>An append was refused because there is no room. Reported once, until there is room again.</summary>
    Full,

    /// <summary>An append succeeded for the first time after <see cref="Full"/>.</summary>
    RoomAgain,

    /// <summary>The storage behind the log can't be reached. Reported once, until it can be.</summary>
    StorageLost,

    /// <summary>The storage behind the log can be reached again.</summary>
    StorageBack,

    /// <summary>
    /// The clock shows a time that it can't, before or long after what the log has seen of it. Ages are not taken from it.
    /// </summary>
    ClockSuspect,

    /// <summary>
    /// The log lacks a resource of the process or machine, such as a file descriptor, and refuses what needs it until it has it.
    /// </summary>
    ResourceExhausted,

    /// <summary>The log has again the resource that it lacked.</summary>
    ResourceAvailable,

    /// <summary>Something else that does not change what the log can do.</summary>
    Notice,
}
