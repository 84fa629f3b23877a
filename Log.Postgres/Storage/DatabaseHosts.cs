using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>
/// Opens connections to the one host, of those that a connection string names, that takes the log's writes. Which one that is, is
/// looked for once and kept until <see cref="Forget"/>.
/// </summary>
/// <remarks>
/// Npgsql by itself looks again for each connection that it hands out, pooled or not, because it never takes a host for being away
/// that has accepted a connection and does not answer. Beside a primary that hangs, every read would wait for it first.
/// </remarks>
internal sealed class DatabaseHosts : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source; // opens new connections only if there are several hosts, else is the pool
    private readonly NpgsqlConnectionStringBuilder _settings;
    private readonly TimeSpan _limit;
    private readonly Lock _gate = new();
    private NpgsqlDataSource? _found; // the pool of the host that was found; under _gate
    private bool _isDisposed; // under _gate

    /// <param name="settings">Names one host or several, and what the one must be (<c>Target Session Attributes</c>).</param>
    /// <param name="limit">How long a statement may take: see <see cref="SessionSettings"/>.</param>
    public DatabaseHosts(NpgsqlConnectionStringBuilder settings, TimeSpan limit)
    {
        _settings = settings;
        _limit = limit;
        AreSeveral = CountOf(settings) > 1;
        _source = AreSeveral
            ? Build(new NpgsqlConnectionStringBuilder(settings.ConnectionString) { Pooling = false }, requireWritable: false)
            : Build(settings, requireWritable: false);
    }

    private bool AreSeveral { get; }

    /// <summary>How many hosts a connection string names.</summary>
    public static int CountOf(NpgsqlConnectionStringBuilder settings) => (settings.Host?.Count(character => character == ',') ?? 0) + 1;

    /// <summary>Opens a connection.</summary>
    /// <exception cref="NpgsqlException">
    /// No host could be reached that is what the log needs. The next call looks at all of them.
    /// </exception>
    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        if (!AreSeveral)
            return await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            NpgsqlDataSource? found;
            lock (_gate)
                found = _found;
            if (found is not null)
                return await found.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            var connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            Keep(connection.Host!, connection.Port);
            return connection;
        }
        catch (Exception exception) when (exception is NpgsqlException or ObjectDisposedException)
        {
            Forget();
            if (exception is ObjectDisposedException)
                throw new NpgsqlException("the host was let go of meanwhile", exception);
            throw;
        }
    }

    /// <summary>Closes the connections that nobody uses, those in use once they are given back, and looks for the host anew.</summary>
    public void Forget()
    {
        NpgsqlDataSource? found;
        lock (_gate)
            (found, _found) = (_found, null);
        found?.Dispose();
        _source.Clear();
        (_source as NpgsqlMultiHostDataSource)?.ClearDatabaseStates();
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
            _isDisposed = true;
        Forget();
        await _source.DisposeAsync().ConfigureAwait(false);
    }

    private void Keep(string host, int port)
    {
        lock (_gate)
        {
            if (_found is not null || _isDisposed)
                return;
            var isToTakeWrites = _settings.TargetSessionAttributes is "read-write" or "primary";
            _found = Build(
                new NpgsqlConnectionStringBuilder(_settings.ConnectionString)
                {
                    Host = host,
                    Port = port,
                    TargetSessionAttributes = null,
                },
                isToTakeWrites);
        }
    }

    private NpgsqlDataSource Build(NpgsqlConnectionStringBuilder settings, bool requireWritable)
    {
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        builder.UsePhysicalConnectionInitializer(connection => SessionSettings.Apply(connection, _limit), SetUpAsync);
        return builder.Build();

        async Task SetUpAsync(NpgsqlConnection connection)
        {
            await SessionSettings.ApplyAsync(connection, _limit).ConfigureAwait(false);
            if (requireWritable && await IsReadOnlyAsync(connection).ConfigureAwait(false))
                throw new NpgsqlException($"{settings.Host}:{settings.Port} took writes before, and is a standby or read-only now");
        }
    }

    private static async Task<bool> IsReadOnlyAsync(NpgsqlConnection connection)
    {
        using var query = new NpgsqlCommand("select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on'", connection);
        return await query.ExecuteScalarAsync().ConfigureAwait(false) is true;
    }
}
