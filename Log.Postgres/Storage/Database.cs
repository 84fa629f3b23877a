using System.Data;
using System.Diagnostics.CodeAnalysis;
using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>
/// The connections to a database. Retries idempotent work while the database cannot be reached, for as long as the options say; then throws
/// <see cref="LogUnavailableException"/>.
/// </summary>
/// <remarks>
/// Statements are never canceled. To cancel one, Npgsql opens another connection and blocks a thread until the server accepts it, which a
/// hanging server never does; and a canceled commit may count as successful on one machine (see <see cref="Commit"/>). So statements get no
/// token and no timeout of Npgsql. Instead, the caller stops waiting, the server limits the statement (<see cref="SessionSettings"/>), and
/// the connection returns to the pool when the statement ends.
/// </remarks>
internal sealed class Database : IAsyncDisposable
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);

    /// <summary>The minimum number of connections: the log keeps two and shares the others.</summary>
    private const int MinConnections = 5;

    /// <summary>
    /// The pool may have this many times more connections than may be in use. Connections abandoned because a server stopped answering then
    /// do not keep others from trying.
    /// </summary>
    private const int SpareFactor = 10;

    private readonly DatabaseHosts _hosts;
    private readonly SemaphoreSlim _turns;
    private readonly TimeSpan _unavailableAfter;
    private readonly CancellationTokenSource _stop = new();

    /// <exception cref="ArgumentException">Npgsql does not accept the connection string. The message does not quote it.</exception>
    [SuppressMessage("Design", "MA0054", Justification = "What Npgsql says may quote the password.")]
    public Database(PostgresLogOptions options)
    {
        _unavailableAfter = options.UnavailableAfter;
        try
        {
            var settings = Settings(options.ConnectionString, _unavailableAfter);
            var limit = settings.MaxPoolSize;
            _turns = new SemaphoreSlim(limit, limit);
            settings.MaxPoolSize = limit * SpareFactor;
            _hosts = new DatabaseHosts(settings, _unavailableAfter);
            User = settings.Username ?? Environment.UserName;
            Name = settings.Database ?? User;
        }
        catch
        {
            throw new ArgumentException("it is not a valid Npgsql connection string", nameof(options));
        }
    }

    /// <summary>The user who logs in, for messages.</summary>
    public string User { get; }

    /// <summary>The name of the database, for messages.</summary>
    public string Name { get; }

    /// <summary>The observed state of the database.</summary>
    public DatabaseState State { get; } = new();

    /// <summary>Canceled when the log is disposed.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>Opens a connection for the caller to keep and dispose.</summary>
    public Task<NpgsqlConnection> ConnectAsync(CancellationToken cancellationToken) =>
        _hosts.OpenAsync(cancellationToken).OrDisposeAsync(cancellationToken);

    /// <summary>
    /// Runs work on a pooled connection. If the caller stops waiting, the work continues on its own, with its connection.
    /// </summary>
    public async Task<T> UseAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        await _turns.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await WorkAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turns.Release();
        }

        async Task<T> WorkAsync()
        {
            var connection = await ConnectAsync(cancellationToken).ConfigureAwait(false);
            await using var closing = connection.ConfigureAwait(false);
            try
            {
                return await work(connection).ConfigureAwait(false);
            }
            catch (InvalidOperationException exception) when (connection.State != ConnectionState.Open)
            {
                // The connection broke between two uses, which Npgsql treats as a programming error.
                throw new NpgsqlException(exception.Message, exception);
            }
        }
    }

    /// <summary>Runs idempotent work, and retries it while the database cannot be reached.</summary>
    /// <exception cref="LogException">The error of the database, translated.</exception>
    /// <exception cref="ObjectDisposedException">The log was disposed meanwhile.</exception>
    public async Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Stopping);
        limit.CancelAfter(_unavailableAfter);
        Exception? failure = null;
        while (true)
        {
            try
            {
                if (failure is not null)
                    await Task.Delay(RetryDelay, limit.Token).ConfigureAwait(false);
                var result = await UseAsync(work, limit.Token).ConfigureAwait(false);
                State.Reached();
                return result;
            }
            catch (Exception exception) when (Failures.IsOfDatabase(exception) || exception is OperationCanceledException)
            {
                cancellationToken.ThrowIfCancellationRequested();
                ObjectDisposedException.ThrowIf(Stopping.IsCancellationRequested, typeof(PostgresLog));
                Forget(exception);
                if (limit.IsCancellationRequested || !Failures.MayPass(exception))
                    throw Failed(exception is OperationCanceledException && failure is not null ? failure : exception);
                failure = exception;
            }
            catch (LogUnavailableException exception)
            {
                throw Failed(exception);
            }
        }
    }

    /// <summary>Reports that an operation has finally failed, and translates the exception.</summary>
    public LogException Failed(Exception exception)
    {
        var failure = Failures.Translate(exception);
        State.Failed(failure);
        return failure;
    }

    /// <summary>
    /// Drops connections if a failure shows that they are useless, because the server is now a standby or does not answer.
    /// </summary>
    public void Forget(Exception exception)
    {
        if (exception is PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction }
            or OperationCanceledException or TimeoutException or NpgsqlException { InnerException: TimeoutException })
        {
            Forget();
        }
    }

    /// <summary>Drops all connections, so that the next use looks for the host that accepts writes.</summary>
    public void Forget() => _hosts.Forget();

    /// <summary>Cancels the work of <see cref="RunAsync"/>, and prevents more.</summary>
    public Task StopAsync() => _stop.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        await _hosts.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private static NpgsqlConnectionStringBuilder Settings(string connectionString, TimeSpan unavailableAfter)
    {
        var seconds = (int)Math.Clamp(Math.Ceiling(unavailableAfter.TotalSeconds), 1, 1024); // the range that Npgsql allows
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            Timeout = seconds,
            CommandTimeout = 0,
            CancellationTimeout = -1,
            MaxAutoPrepare = 20,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = true, // a reset would undo the settings of the session
            Multiplexing = false,
            Enlist = false,
            Encoding = "UTF8",
            ClientEncoding = "UTF8",
            TcpKeepAlive = true, // lets even a connection that only listens notice a host that is gone
        };
        settings.ApplicationName ??= "logkit";
        if (settings.TcpKeepAliveTime == 0)
            settings.TcpKeepAliveTime = 15;
        if (settings.TcpKeepAliveInterval == 0)
            settings.TcpKeepAliveInterval = 5;
        settings.MaxPoolSize = Math.Max(settings.MaxPoolSize, MinConnections);
        if (DatabaseHosts.CountOf(settings) is var hosts and > 1)
        {
            settings.TargetSessionAttributes ??= "read-write";
            settings.Timeout = Math.Max(1, seconds / (hosts + 1)); // leaves time for other hosts if one does not answer
        }

        return settings;
    }
}
