using System.Data;
using System.Diagnostics.CodeAnalysis;
using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>
/// The connections to one database. Work that may be done twice is tried again while the database cannot be reached, for as long as
/// the options say; then it is <see cref="LogUnavailableException"/>.
/// </summary>
/// <remarks>
/// No statement is ever canceled from here. Npgsql asks a server to cancel by a connection of its own, and blocks a thread until the
/// server has taken it, which a server that hangs never does; and a canceled commit may count as done on one machine: see
/// <see cref="Commit"/>. So statements get no token and no time limit of Npgsql's. Whoever waits stops waiting, the server limits the
/// statement (<see cref="SessionSettings"/>), and the connection goes back to the pool when the statement ends.
/// </remarks>
internal sealed class Database : IAsyncDisposable
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);

    /// <summary>The fewest connections that the log gets by with: two it keeps, the others take turns.</summary>
    private const int MinConnections = 5;

    /// <summary>
    /// How many times more connections the pool may hold than may be waited for: those that nobody waits for, because a server that was
    /// answering stopped to, do not keep others from trying.
    /// </summary>
    private const int SpareFactor = 10;

    private readonly DatabaseHosts _hosts;
    private readonly SemaphoreSlim _turns;
    private readonly TimeSpan _unavailableAfter;
    private readonly CancellationTokenSource _stop = new();

    /// <exception cref="ArgumentException">The connection string is not one that Npgsql accepts. The message does not quote it.</exception>
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
            throw new ArgumentException("it is not a connection string that Npgsql accepts", nameof(options));
        }
    }

    /// <summary>The user who logs in, for messages.</summary>
    public string User { get; }

    /// <summary>The name of the database, for messages.</summary>
    public string Name { get; }

    /// <summary>What has been seen of the database.</summary>
    public DatabaseState State { get; } = new();

    /// <summary>Ends what is under way once the log is disposed.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>Opens a connection for the caller to keep and dispose.</summary>
    public Task<NpgsqlConnection> ConnectAsync(CancellationToken cancellationToken) =>
        _hosts.OpenAsync(cancellationToken).OrDisposeAsync(cancellationToken);

    /// <summary>
    /// Does work on a connection of the pool. It is left to itself, with its connection, once nobody waits for it any more.
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
                // It broke between two uses, which Npgsql takes for a mistake of ours.
                throw new NpgsqlException(exception.Message, exception);
            }
        }
    }

    /// <summary>Does work that may be done twice, again and again while the database cannot be reached.</summary>
    /// <exception cref="LogException">What the database said, as a log says it.</exception>
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

    /// <summary>Reports that an operation has failed for good, and tells it as a log does.</summary>
    public LogException Failed(Exception exception)
    {
        var failure = Failures.Translate(exception);
        State.Failed(failure);
        return failure;
    }

    /// <summary>
    /// Lets go of connections that a failure has shown to be of no use: those to a server that is a standby now, or that does not answer,
    /// and so may be gone without a word.
    /// </summary>
    public void Forget(Exception exception)
    {
        if (exception is PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction }
            or OperationCanceledException or TimeoutException or NpgsqlException { InnerException: TimeoutException })
        {
            Forget();
        }
    }

    /// <summary>Lets go of all connections, and looks for the host that takes writes anew.</summary>
    public void Forget() => _hosts.Forget();

    /// <summary>Ends what <see cref="RunAsync"/> is doing, and lets it do no more.</summary>
    public Task StopAsync() => _stop.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        await _hosts.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private static NpgsqlConnectionStringBuilder Settings(string connectionString, TimeSpan unavailableAfter)
    {
        var seconds = (int)Math.Clamp(Math.Ceiling(unavailableAfter.TotalSeconds), 1, 1024); // Npgsql's bounds
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            Timeout = seconds,
            CommandTimeout = 0,
            CancellationTimeout = -1,
            MaxAutoPrepare = 20,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = true, // a reset would undo the session's settings
            Multiplexing = false,
            Enlist = false,
            Encoding = "UTF8",
            ClientEncoding = "UTF8",
            TcpKeepAlive = true, // a host that is gone without a word is noticed even by a connection that only listens
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
            settings.Timeout = Math.Max(1, seconds / (hosts + 1)); // one that does not answer is to leave time for the others
        }

        return settings;
    }
}
