namespace LogKit;

/// <summary>A log that reports changes of its state to its operator.</summary>
/// <remarks>Use <see cref="LogEvents"/> to implement it.</remarks>
public interface IObservableLog : ILog
{
    /// <summary>Calls an observer once for each change, in order, until the returned subscription is disposed.</summary>
    /// <param name="observer">
    /// Called first for the most recent changes before the subscription, which include those made while the log was opened. Runs on a
    /// thread-pool thread, one call at a time, and never inside a lock of the log. Exceptions that it throws are ignored.
    /// </param>
    /// <returns>The subscription. A call that is already running may end after the subscription is disposed.</returns>
    IDisposable Observe(Action<LogEvent> observer);
}

/// <summary>A change of a log's state that concerns its operator.</summary>
/// <param name="Kind">What changed.</param>
/// <param name="Message">What happened, why, and what to do next, in one line of text.</param>
/// <param name="Cause">The exception that caused it, or null.</param>
public sealed record LogEvent(LogEventKind Kind, string Message, Exception? Cause = null);

/// <summary>The kind of a <see cref="LogEvent"/>.</summary>
public enum LogEventKind
{
    /// <summary>A write failed. The log refuses appends until it is reopened.</summary>
    ReadOnly,

    /// <summary>An append was refused because there is no space. Reported once until there is space again.</summary>
    Full,

    /// <summary>An append succeeded for the first time after <see cref="Full"/>.</summary>
    RoomAgain,

    /// <summary>The storage of the log cannot be reached. Reported once until it can be reached again.</summary>
    StorageLost,

    /// <summary>The storage of the log can be reached again.</summary>
    StorageBack,

    /// <summary>
    /// The clock shows an implausible time, earlier or much later than times the log has seen. The log does not use it to compute ages.
    /// </summary>
    ClockSuspect,

    /// <summary>
    /// The process or machine has run out of a resource, such as file descriptors. Operations that need it fail until it is available.
    /// </summary>
    ResourceExhausted,

    /// <summary>The resource is available again.</summary>
    ResourceAvailable,

    /// <summary>Another event, which does not change what the log can do.</summary>
    Notice,
}
