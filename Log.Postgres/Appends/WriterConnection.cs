using LogKit.Postgres.Storage;
using Npgsql;

namespace LogKit.Postgres.Appends;

/// <summary>The connection for appends, with its prepared statements.</summary>
internal sealed class WriterConnection : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly AppendStatement _plain;
    private readonly AppendStatement _conditional;
    private Task _execution = Task.CompletedTask;

    private WriterConnection(NpgsqlConnection connection, LogTable table, ServerSession session)
    {
        _connection = connection;
        Session = session;
        _plain = new AppendStatement.Plain(connection, table);
        _conditional = new AppendStatement.Conditional(connection, table);
    }

    /// <summary>The server process of the connection.</summary>
    public ServerSession Session { get; }

    public static Task<WriterConnection> OpenAsync(LogTable table, CancellationToken cancellationToken)
    {
        return OpenAsync().OrDisposeAsync(cancellationToken);

        async Task<WriterConnection> OpenAsync()
        {
            var connection = await table.Database.ConnectAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                var session = await ServerSession.OfAsync(connection).ConfigureAwait(false);
                var writer = new WriterConnection(connection, table, session);
                await writer._plain.PrepareAsync().ConfigureAwait(false);
                await writer._conditional.PrepareAsync().ConfigureAwait(false);
                return writer;
            }
            catch
            {
                await connection.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    /// <summary>
    /// Appends a group durably. Returns the offset of each append; if it expected another offset, the one it would have been given.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="limit">
    /// How long to wait for the answer. After that, the statement continues, and the connection can no longer be used.
    /// </param>
    /// <param name="giveUp">Ends the wait early, with the same effect.</param>
    public async Task<ulong[]> AppendAsync(AppendGroup group, TimeSpan limit, CancellationToken giveUp)
    {
        var execution = (group.IsConditional ? _conditional : _plain).ExecuteAsync(group);
        _execution = execution;
        return await execution.WaitAsync(limit, giveUp).ConfigureAwait(false);
    }

    /// <summary>Closes the connection, after its statement has ended if one is in progress.</summary>
    public ValueTask DisposeAsync()
    {
        var closing = CloseAsync();
        return _execution.IsCompleted ? new ValueTask(closing) : ValueTask.CompletedTask;
    }

    private async Task CloseAsync()
    {
        await _execution.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _plain.DisposeAsync().ConfigureAwait(false);
        await _conditional.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }
}
