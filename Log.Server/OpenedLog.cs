namespace LogKit.Server;

/// <summary>A log that a backend has opened for the server, which closes it when it stops.</summary>
/// <param name="log">The log. The server owns it from here on.</param>
public class OpenedLog(ILog log)
{
    /// <summary>The log.</summary>
    public ILog Log { get; } = log;

    /// <summary>Writes to the journal what was opened and what the operator should know about it. Called once the server listens.</summary>
    /// <param name="journal">The server's journal, category <c>LogKit</c>.</param>
    public virtual void Report(ILogger journal)
    {
    }

    /// <summary>Closes the log when the server stops, after all calls have ended.</summary>
    /// <param name="giveUp">
    /// Canceled once the server has been stopping for <c>Log:StopLimitMs</c>; the log should then be closed at once.
    /// </param>
    public virtual ValueTask CloseAsync(CancellationToken giveUp) => Log.DisposeAsync();
}
