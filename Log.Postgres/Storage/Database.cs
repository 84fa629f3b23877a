using System.Data;
using System.Data.Common;
using System.Net.Sockets;
using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>
/// The connections to one database. Work that may be done twice is tried again while the database cannot be reached, for as long as
/// the options say; then it is <see cref="LogUnavailableException"/>.
/// </summary>
internal sealed class Database : IAsyncDisposable
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);

    private readonly NpgsqlDataSource _source;
    private readonly TimeSpan _unavailableAfter;
    private readonly CancellationTokenSource _stop = new();

    public Database(PostgresLogOptions options)
    {
        _unavailableAfter = options.UnavailableAfter;
        var seconds = (int)Math.Ceiling(_unavailableAfter.TotalSeconds);
        var settings = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            Timeout = seconds,
            CommandTimeout = seconds,
            MaxAutoPrepare = 20,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = true,
            Enlist = false,
        };
        settings.ApplicationName ??= "logkit";
        if (settings.Host?.Count(character => character == ',') + 1 is var hosts and > 1)
        {
            settings.TargetSessionAttributes ??= "read-write";
            settings.Timeout = Math.Max(1, seconds / (hosts.Value + 1)); // one that does not answer is to leave time for the others
        }

        var source = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        source.UsePhysicalConnectionInitializer(connection => SetUp(connection).ExecuteNonQuery(), connection => SetUp(connection).ExecuteNonQueryAsync());
        _source = source.Build();
        User = settings.Username ?? Environment.UserName;
        Name = settings.Database ?? User;
    }

    /// <summary>The user who logs in, for messages.</summary>
    public string User { get; }

    /// <summary>The name of the database, for messages.</summary>
    public string Name { get; }

    /// <summary>Ends what is under way once the log is disposed.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>Opens a connection for the caller to keep and dispose.</summary>
    public async Task<NpgsqlConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException)
        {
            ForgetHosts(); // of several none took writes; the next time one may
            throw;
        }
    }

    /// <summary>
    /// Does work on a connection of the pool. Work that takes no notice of the token, such as a <see cref="Commit"/>, is left to itself,
    /// with its connection, once nobody waits for it any more.
    /// </summary>
    public async Task<T> UseAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        return await WorkAsync().WaitAsync(cancellationToken).ConfigureAwait(false);

        async Task<T> WorkAsync()
        {
            var connection = await ConnectAsync(cancellationToken).ConfigureAwait(false);
            await using var closing = connection.ConfigureAwait(false);
            try
            {
                return await work(connection, cancellationToken).ConfigureAwait(false);
            }
            catch (InvalidOperationException exception) when (connection.State != ConnectionState.Open)
            {
                throw new NpgsqlException(exception.Message, exception); // it broke between two uses, which Npgsql takes for a mistake of ours
            }
        }
    }

    /// <summary>Does work that may be done twice, again and again while the database cannot be reached.</summary>
    /// <exception cref="LogException">What the database said, as a log says it.</exception>
    /// <exception cref="ObjectDisposedException">The log was disposed meanwhile.</exception>
    public async Task<T> RunAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
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
                return await UseAsync(work, limit.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (IsOfDatabase(exception) || exception is OperationCanceledException)
            {
                cancellationToken.ThrowIfCancellationRequested();
                ObjectDisposedException.ThrowIf(Stopping.IsCancellationRequested, typeof(PostgresLog));
                Forget(exception);
                if (limit.IsCancellationRequested)
                    throw new LogUnavailableException(failure ?? exception);
                if (!MayPass(exception))
                    throw Translate(exception);
                failure = exception;
            }
        }
    }

    /// <summary>
    /// Lets go of connections that a failure has shown to be of no use: those to a server that is a standby now, or that does not answer,
    /// and so may be gone without a word.
    /// </summary>
    public void Forget(Exception exception)
    {
        if (exception is not (PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction }
            or OperationCanceledException or TimeoutException or NpgsqlException { InnerException: TimeoutException }))
        {
            return;
        }

        _source.Clear();
        ForgetHosts();
    }

    /// <summary>Whether it is a failure of the database or of the way there.</summary>
    public static bool IsOfDatabase(Exception exception) =>
        exception is DbException or IOException or SocketException or TimeoutException;

    /// <summary>Whether it may be gone when tried again: anything but what somebody has to do something about.</summary>
    public static bool MayPass(Exception exception) =>
        exception is not PostgresException { SqlState: { } state }
        || !(state is PostgresErrorCodes.DiskFull or PostgresErrorCodes.InvalidCatalogName || state[..2] is "22" or "23" or "28" or "42" or "P0");

    /// <summary>A failure of the database as a log says it.</summary>
    public static LogException Translate(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.DiskFull } ? new LogFullException(exception) : new LogUnavailableException(exception);

    /// <summary>Ends what <see cref="RunAsync"/> is doing, and lets it do no more.</summary>
    public Task StopAsync() => _stop.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    /// <summary>Forgets which of the hosts were seen to be away, or not to take writes.</summary>
    private void ForgetHosts() => (_source as NpgsqlMultiHostDataSource)?.ClearDatabaseStates();

    // What waits for the log's row has not begun to commit: the server ends that wait by itself, and it is certain what became of it.
    private NpgsqlCommand SetUp(NpgsqlConnection connection) =>
        new(FormattableString.Invariant($"set lock_timeout = {(int)_unavailableAfter.TotalMilliseconds}"), connection);
}
