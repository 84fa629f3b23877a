using LogKit.Postgres.Appends;
using LogKit.Postgres.Storage;

namespace LogKit.Postgres;

/// <summary>
/// A log in a PostgreSQL database, for any number of servers at a time. An append is acknowledged once its transaction is
/// committed, as durably as the database commits (see <see cref="Report"/>), and readable from then on, not before.
/// </summary>
/// <remarks>
/// <para>Appending: what is queued forms a group (<see cref="GroupWriter"/>), which is one statement and one transaction. It locks the
/// log's row until its commit is durable, so offsets are dense and their order is the order of the commits, over all servers.</para>
/// <para>An answer that was lost is found out (<see cref="LostAnswer"/>), and never guessed.</para>
/// <para>Reading and the range ask the database each time: what one server does, all see at once. Waiting takes notifications, and
/// goes on while the database is away.</para>
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

    /// <summary>What was found when the log was opened. Its warnings belong into the host's journal.</summary>
    public PostgresLogReport Report { get; }

    /// <summary>True: the order of the calls is the order of the log.</summary>
    public bool AppendsInCallOrder => true;

    /// <summary>Opens a log, and creates its schema and its row if they do not exist. Several servers may do so at once.</summary>
    /// <param name="options">Where it is and how to run it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="PostgresLogOpenException">
    /// Something is wrong that does not pass by itself; the message is one line that says what.
    /// </exception>
    /// <exception cref="LogUnavailableException">The database cannot be reached, or is read-only.</exception>
    /// <exception cref="ArgumentException">
    /// An option is out of its bounds, or the connection string is not one that Npgsql accepts. What Npgsql said, which may quote it, is
    /// not shown.
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

    /// <summary>Completes once an offset can be read. While the database is away it goes on waiting.</summary>
    /// <exception cref="LogUnavailableException">The log is missing from the database, or its tables are.</exception>
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

    /// <summary>Moves the start of the log forward, durably; the rows before it are deleted afterwards, in the background.</summary>
    /// <inheritdoc/>
    public ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Refuse(cancellationToken) is { } refusal
            ? ValueTask.FromException(refusal) : new ValueTask(TruncateAsync(offset, cancellationToken));

    /// <summary>
    /// Commits what was appended before, ends pending waits and reads, and lets go of the database. Takes as long as
    /// <see cref="PostgresLogOptions.CloseLimitMs"/> says if the database does not answer.
    /// </summary>
    public ValueTask DisposeAsync() => DisposeAsync(CancellationToken.None);

    /// <summary>The same, with another way to limit it.</summary>
    /// <param name="giveUp">
    /// Once it is canceled, disposal waits for no more appends: those that were sent end with <see cref="AppendOutcomeUnknownException"/>,
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
    /// Passes an answer on. One that shows that the end has moved back keeps others from being woken for what is not there.
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
            _watcher.Ask(); // the read began before that was looked at, so it is asked again
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
