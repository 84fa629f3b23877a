using LogKit.Postgres.Appends;
using LogKit.Postgres.Storage;

namespace LogKit.Postgres;

/// <summary>
/// A log in a PostgreSQL database, which any number of servers can use at the same time. An append is acknowledged, and becomes readable,
/// once its transaction is committed. It is as durable as the database makes commits (see <see cref="Report"/>).
/// </summary>
/// <remarks>
/// <para>Appending: queued appends form a group (<see cref="GroupWriter"/>), which is one statement and one transaction. It locks the row
/// of the log
/// until the commit is durable, so offsets are dense and in commit order over all servers.</para>
/// <para>If an answer is lost, the log finds out the outcome (<see cref="LostAnswer"/>). It never guesses.</para>
/// <para>Reads and ranges query the database each time, so all servers agree. Waiting uses notifications, and continues while the database
/// is
/// unavailable.</para>
/// </remarks>
public sealed class PostgresLog : ITruncatableLog, IObservableLog
{
    private readonly PostgresLogOptions _options;
    private readonly LogTable _table;
    private readonly OffsetSignal _appended;
    private readonly EndWatcher _watcher;
    private readonly GroupWriter _writer;
    private readonly RetentionLoop _retention;
    private readonly Task _background;
    private readonly Lock _disposing = new();
    private volatile bool _isDisposed;
    private Task? _disposal;

    private PostgresLog(LogTable table, PostgresLogOptions options, PostgresLogReport report)
    {
        _table = table;
        _options = options;
        Report = report;
        var nextOffset = report.Range.NextOffset;
        _appended = new OffsetSignal(nextOffset, this);
        _watcher = new EndWatcher(table, _appended, options.PollIntervalMs);
        _writer = new GroupWriter(table, options, _watcher);
        _retention = new RetentionLoop(table, options);
        _background = Task.WhenAll(_watcher.RunAsync(), Task.Run(_retention.RunAsync));
    }

    /// <summary>What was found when the log was opened. Write its warnings to the journal of the host.</summary>
    public PostgresLogReport Report { get; }

    /// <summary>True: appends get offsets in the order of the calls.</summary>
    public bool AppendsInCallOrder => true;

    /// <summary>Opens a log, and creates its schema and its row if they do not exist. Several servers may do so at once.</summary>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="PostgresLogOpenException">
    /// A problem that does not resolve itself. The message says what it is, in one line.
    /// </exception>
    /// <exception cref="LogUnavailableException">The database cannot be reached, or is read-only.</exception>
    /// <exception cref="ArgumentException">
    /// An option is out of range, or Npgsql does not accept the connection string. Its own message, which may quote the string, is not
    /// shown.
    /// </exception>
    public static async Task<PostgresLog> OpenAsync(PostgresLogOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var database = new Database(options);
        try
        {
            var (version, warnings) = await DatabaseChecks.PrepareAsync(database, options, cancellationToken).ConfigureAwait(false);
            var table = await LogTable.OpenAsync(database, options, cancellationToken).ConfigureAwait(false);
            var range = await table.GetRangeAsync(cancellationToken).ConfigureAwait(false);
            return new PostgresLog(table, options, new PostgresLogReport(version, range, warnings));
        }
        catch (LogUnavailableException exception)
        {
            await database.DisposeAsync().ConfigureAwait(false);
            throw DatabaseChecks.Explain(database, options, exception);
        }
        catch
        {
            await database.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<ulong> AppendBatchAsync(RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if ((Refuse(cancellationToken) ?? LogCalls.Refuse(batch, _options.BatchLimitBytes)) is { } refusal)
            return ValueTask.FromException<ulong>(refusal);
        return new ValueTask<ulong>(_writer.AppendAsync(batch, expectedOffset, cancellationToken));
    }

    /// <inheritdoc/>
    public IDisposable Observe(Action<LogEvent> observer) => _table.Database.State.Observe(observer);

    /// <inheritdoc/>
    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Refuse(cancellationToken) is { } refusal
            ? ValueTask.FromException<RecordBatch>(refusal)
            : new ValueTask<RecordBatch>(WatchAsync(_table.ReadAsync(offset, cancellationToken)));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limitBytes);
        return Refuse(cancellationToken) is { } refusal
            ? ValueTask.FromException<IReadOnlyList<RecordBatch>>(refusal)
            : new ValueTask<IReadOnlyList<RecordBatch>>(WatchAsync(_table.ReadOnAsync(offset, limitBytes, cancellationToken)));
    }

    /// <inheritdoc/>
    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        Refuse(cancellationToken) is { } refusal
            ? ValueTask.FromException<LogRange>(refusal) : new ValueTask<LogRange>(AskAsync(cancellationToken));

    /// <summary>Completes once the record at an offset can be read. Continues to wait while the database is unavailable.</summary>
    /// <exception cref="LogUnavailableException">The log or its tables are missing from the database.</exception>
    /// <inheritdoc/>
    public ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        if (Refuse(cancellationToken) is { } refusal)
            return ValueTask.FromException(refusal);
        var wait = _appended.WaitAsync(offset, cancellationToken);
        if (!wait.IsCompleted)
            _watcher.Ask();
        return wait;
    }

    /// <summary>Moves the start of the log forward, durably. The rows before it are then deleted in the background.</summary>
    /// <inheritdoc/>
    public ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Refuse(cancellationToken) is { } refusal
            ? ValueTask.FromException(refusal) : new ValueTask(TruncateAsync(offset, cancellationToken));

    /// <summary>
    /// Commits pending appends, ends pending waits and reads, and closes the connections. If the database does not answer, takes up to
    /// <see cref="PostgresLogOptions.CloseLimitMs"/>.
    /// </summary>
    public ValueTask DisposeAsync() => DisposeAsync(CancellationToken.None);

    /// <summary>The same, with a token that ends it early.</summary>
    /// <param name="giveUp">
    /// When canceled, disposal stops waiting for appends: those that were sent fail with <see cref="AppendOutcomeUnknownException"/>,
    /// the others with <see cref="ObjectDisposedException"/>. Ignored if the log is already being disposed.
    /// </param>
    public ValueTask DisposeAsync(CancellationToken giveUp)
    {
        lock (_disposing)
        {
            _isDisposed = true;
            return new ValueTask(_disposal ??= CloseAsync(giveUp));
        }
    }

    private async Task<LogRange> AskAsync(CancellationToken cancellationToken)
    {
        var seen = _appended.NextOffset;
        var range = await _table.GetRangeAsync(cancellationToken).ConfigureAwait(false);
        if (range.NextOffset < seen)
            _watcher.Saw(seen, range);
        return range;
    }

    /// <summary>
    /// Passes on a result. If it shows that the end has moved back, the known end is updated, so that waiters are not woken too early.
    /// </summary>
    private async Task<T> WatchAsync<T>(Task<T> read)
    {
        var seen = _appended.NextOffset;
        try
        {
            return await read.ConfigureAwait(false);
        }
        catch (OffsetOutOfRangeException exception) when (exception.Range.NextOffset < seen)
        {
            _watcher.Ask(); // the read began before the end was known, so the end is queried again
            throw;
        }
    }

    private async Task TruncateAsync(ulong offset, CancellationToken cancellationToken)
    {
        while (offset > long.MaxValue || await _table.TruncateAsync(offset, cancellationToken).ConfigureAwait(false) is null)
        {
            var range = await AskAsync(cancellationToken).ConfigureAwait(false);
            if (offset > range.NextOffset)
                throw new OffsetOutOfRangeException(offset, range);
        }

        _retention.Truncated();
    }

    private async Task CloseAsync(CancellationToken giveUp)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(giveUp);
        limit.CancelAfter(_options.CloseLimitMs);
        _appended.Dispose();
        await _writer.DrainAsync(limit.Token).ConfigureAwait(false);
        await _watcher.TellLastAsync(limit.Token).ConfigureAwait(false);
        await _table.Database.StopAsync().ConfigureAwait(false);
        await _background.ConfigureAwait(false);
        _writer.Dispose();
        _watcher.Dispose();
        _retention.Dispose();
        await _table.Database.DisposeAsync().ConfigureAwait(false);
    }

    private Exception? Refuse(CancellationToken cancellationToken) => LogCalls.Refuse(this, _isDisposed, cancellationToken);
}
