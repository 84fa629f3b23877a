using LogKit.Postgres.Storage;
using Npgsql;

namespace LogKit.Postgres.Appends;

/// <summary>The connection that appends go through, with its prepared statements.</summary>
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

    /// <summary>The server's end of it.</summary>
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

    /// <summary>Appends a group, durably; returns for each the offset that it got, or would have got where it expects another.</summary>
    /// <param name="group">What to append.</param>
    /// <param name="limit">How long to wait for the answer. The statement goes on after that, and the connection is of no more use.</param>
    /// <param name="giveUp">Ends the wait early, in the same way.</param>
    public async Task<ulong[]> AppendAsync(AppendGroup group, TimeSpan limit, CancellationToken giveUp)
    {
        var execution = (group.IsConditional ? _conditional : _plain).ExecuteAsync(group);
        _execution = execution;
        return await execution.WaitAsync(limit, giveUp).ConfigureAwait(false);
    }

    /// <summary>Closes the connection, later where its statement is still under way.</summary>
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
