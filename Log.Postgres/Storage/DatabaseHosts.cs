using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>
/// Opens connections to the host that accepts writes, of those in a connection string. The host is looked up once and kept until
/// <see cref="Forget"/>.
/// </summary>
/// <remarks>
/// Npgsql itself looks up the host for each connection, pooled or not, and does not consider a host unavailable that accepts connections
/// but does not answer. With a hanging primary, every read would first wait for it.
/// </remarks>
internal sealed class DatabaseHosts : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source; // if there are several hosts, only opens new connections; otherwise it is the pool
    private readonly NpgsqlConnectionStringBuilder _settings;
    private readonly TimeSpan _limit;
    private readonly Lock _gate = new();
    private NpgsqlDataSource? _found; // under _gate; the pool of the host that was found
    private bool _isDisposed; // under _gate

    /// <param name="settings">The settings, with one or more hosts and the required <c>Target Session Attributes</c>.</param>
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

    /// <summary>The number of hosts in a connection string.</summary>
    public static int CountOf(NpgsqlConnectionStringBuilder settings) => (settings.Host?.Count(character => character == ',') ?? 0) + 1;

    /// <summary>Opens a connection.</summary>
    /// <exception cref="NpgsqlException">
    /// No suitable host could be reached. The next call tries all of them again.
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
                throw new NpgsqlException("the host was dropped in the meantime", exception);
            throw;
        }
    }

    /// <summary>Closes unused connections, and used ones when they are returned. The next use looks up the host again.</summary>
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
                throw new NpgsqlException($"{settings.Host}:{settings.Port} accepted writes before, and is now a standby or read-only");
        }
    }

    private static async Task<bool> IsReadOnlyAsync(NpgsqlConnection connection)
    {
        using var query = new NpgsqlCommand("select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on'", connection);
        return await query.ExecuteScalarAsync().ConfigureAwait(false) is true;
    }
}
