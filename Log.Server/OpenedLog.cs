namespace LogKit.Server;

/// <summary>A log that a backend has opened for the server. The server closes it when it stops.</summary>
/// <param name="log">The log, which the server now owns.</param>
public class OpenedLog(ILog log)
{
    /// <summary>The log.</summary>
    public ILog Log { get; } = log;

    /// <summary>
    /// Reports in the journal what was opened, and what the operator should know about it. Called once the server is listening.
    /// </summary>
    /// <param name="journal">The journal of the server, category <c>LogKit</c>.</param>
    public virtual void Report(ILogger journal)
    {
    }

    /// <summary>Closes the log when the server stops, after all calls have ended.</summary>
    /// <param name="giveUp">
    /// Canceled once the server has been stopping for <c>Log:StopLimitMs</c>. The log should then close immediately.
    /// </param>
    public virtual ValueTask CloseAsync(CancellationToken giveUp) => Log.DisposeAsync();
}
