using LogKit.Postgres.Storage;
using Npgsql;
using NpgsqlTypes;

namespace LogKit.Postgres.Appends;

/// <summary>The connection that appends go through: one prepared statement, which is a transaction of its own.</summary>
internal sealed class WriterConnection : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlCommand _append;
    private readonly NpgsqlParameter<Guid> _appendId = new() { NpgsqlDbType = NpgsqlDbType.Uuid };
    private readonly NpgsqlParameter<long?[]> _expected = new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint };
    private readonly NpgsqlParameter<int[]> _counts = new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer };
    private readonly NpgsqlParameter<int[]> _checksums = new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer };
    private readonly NpgsqlParameter<ReadOnlyMemory<byte>[]> _payloads = new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea };

    private Task _execution = Task.CompletedTask;

    private WriterConnection(NpgsqlConnection connection, LogTable table, ServerSession session)
    {
        _connection = connection;
        Session = session;
        _append = new NpgsqlCommand(table.AppendText, connection)
        {
            Parameters = { new NpgsqlParameter<long> { TypedValue = table.Id }, _appendId, _expected, _counts, _checksums, _payloads },
        };
    }

    /// <summary>The server's end of it.</summary>
    public ServerSession Session { get; }

    public static async Task<WriterConnection> OpenAsync(LogTable table, CancellationToken cancellationToken)
    {
        var connection = await table.Database.ConnectAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var session = await ServerSession.OfAsync(connection, cancellationToken).ConfigureAwait(false);
            var writer = new WriterConnection(connection, table, session);
            await writer._append.PrepareAsync(cancellationToken).ConfigureAwait(false);
            return writer;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Appends a group, durably; returns for each the offset that it got, or would have got where it expects another.</summary>
    /// <param name="group">What to append.</param>
    /// <param name="limit">How long to wait for the answer. The statement goes on after that, and the connection is of no more use.</param>
    public async Task<ulong[]> AppendAsync(AppendGroup group, TimeSpan limit)
    {
        var appends = group.Appends;
        var (expected, counts, checksums) = (new long?[appends.Count], new int[appends.Count], new int[appends.Count]);
        var payloads = new ReadOnlyMemory<byte>[appends.Count];
        for (var i = 0; i < appends.Count; i++)
        {
            // An offset past all that a bigint can number is none that an append can get.
            expected[i] = appends[i].ExpectedOffset is { } offset ? (long)Math.Min(offset, long.MaxValue) : null;
            counts[i] = appends[i].Batch.Count;
            checksums[i] = Crc32C.Of(appends[i].Batch);
            payloads[i] = appends[i].Batch.Encoded;
        }

        (_appendId.TypedValue, _expected.TypedValue, _counts.TypedValue) = (group.Id, expected, counts);
        (_checksums.TypedValue, _payloads.TypedValue) = (checksums, payloads);
        var execution = Commit.RunAsync(_append, command => command.ExecuteScalarAsync());
        _execution = execution;
        var offsets = (long[])(await execution.WaitAsync(limit).ConfigureAwait(false))!;
        _payloads.TypedValue = [];
        return Array.ConvertAll(offsets, static offset => (ulong)offset);
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
        await _append.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }
}
