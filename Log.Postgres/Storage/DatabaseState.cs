using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>
/// The state of the database as observed by the log. Reports changes to the operator, each condition once.
/// </summary>
internal sealed class DatabaseState
{
    private readonly LogEvents _events = new();
    private int _isLost; // 0 or 1, like the next three: Interlocked; a reader may be one call late
    private int _isMissing;
    private int _isReadOnly;
    private int _isFull;

    /// <inheritdoc cref="IObservableLog.Observe"/>
    public IDisposable Observe(Action<LogEvent> observer) => _events.Observe(observer);

    /// <summary>Records that an operation failed because of the database.</summary>
    public void Failed(LogException failure)
    {
        var cause = failure.InnerException;
        if (cause is MissingRowException)
            Begin(ref _isMissing, LogEventKind.StorageLost, failure.Message, failure);
        else if (cause is PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction })
            Begin(ref _isReadOnly, LogEventKind.Notice, $"appends fail: {failure.Message}", failure);
        else if (failure is LogFullException)
            Begin(
                ref _isFull,
                LogEventKind.Full,
                "the database's disk is full; appends are refused: free space on it, or set a retention limit",
                failure);
        else if (failure is LogUnavailableException)
            Begin(ref _isLost, LogEventKind.StorageLost, LostMessage(cause), failure);
    }

    /// <summary>Records that the database answered.</summary>
    public void Reached() => End(ref _isLost, LogEventKind.StorageBack, "the database is available again");

    /// <summary>Records that the row of the log was read.</summary>
    public void RowSeen() => End(ref _isMissing, LogEventKind.StorageBack, "the log's row is in the database again");

    /// <summary>Records that a group was committed.</summary>
    public void Appended()
    {
        Reached();
        RowSeen();
        End(ref _isReadOnly, LogEventKind.Notice, "the database accepts writes again");
        End(ref _isFull, LogEventKind.RoomAgain, "the database's disk has space again; appends succeed");
    }

    private static string LostMessage(Exception? cause) => cause is PostgresException { SqlState: var state } refusal
        ? $"the database refuses to serve the log; appends and reads fail until it does: {state}: {OneLine(refusal.MessageText)}"
        : "the database does not answer; appends and reads fail until it does: check that it is running and reachable"
            + (cause is null ? "" : $" ({OneLine(cause.Message)})");

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private void Begin(ref int condition, LogEventKind kind, string message, Exception cause)
    {
        if (Interlocked.Exchange(ref condition, 1) == 0)
            _events.Report(new LogEvent(kind, message, cause));
    }

    private void End(ref int condition, LogEventKind kind, string message)
    {
        if (Volatile.Read(ref condition) != 0 && Interlocked.Exchange(ref condition, 0) != 0)
            _events.Report(new LogEvent(kind, message));
    }
}

/// <summary>
/// The row of the log is missing: the cause of a <see cref="LogUnavailableException"/> that lasts until someone restores the row.
/// </summary>
internal sealed class MissingRowException(string table) : Exception($"the row is missing from {table}");
