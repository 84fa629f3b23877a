using System.Globalization;
using Npgsql;
using NpgsqlTypes;

namespace LogKit.Postgres.Storage;

/// <summary>Queries and updates the rows of a log, except for appending.</summary>
internal sealed class LogTable
{
    private readonly Database _database;
    private readonly LogStatements _statements;
    private readonly string _name;
    private readonly string _schemaName;

    private LogTable(Database database, PostgresLogOptions options, long id, string channel)
    {
        _database = database;
        _statements = new LogStatements(options.SchemaName);
        _name = options.LogName;
        _schemaName = options.SchemaName;
        Id = id;
        Channel = channel;
    }

    public Database Database => _database;

    public long Id { get; }

    /// <summary>The channel of notifications, each of which contains the next offset.</summary>
    public string Channel { get; }

    public LogStatements Statements => _statements;

    /// <summary>Finds a log by name, or creates it.</summary>
    public static async Task<LogTable> OpenAsync(Database database, PostgresLogOptions options, CancellationToken cancellationToken)
    {
        var statements = new LogStatements(options.SchemaName);
        var (id, channel) = await database.RunAsync(
            async connection =>
            {
                using var creation = new NpgsqlCommand(statements.Create, connection);
                creation.Parameters.Add(new NpgsqlParameter<string> { TypedValue = options.LogName });
                creation.Parameters.Add(Number(options.StartOffset));
                await creation.ExecuteNonQueryAsync().ConfigureAwait(false);
                using var query = new NpgsqlCommand(statements.Identify, connection);
                query.Parameters.Add(new NpgsqlParameter<string> { TypedValue = options.LogName });
                var reader = await query.ExecuteReaderAsync().ConfigureAwait(false);
                await using var closing = reader.ConfigureAwait(false);
                await reader.ReadAsync().ConfigureAwait(false);
                return (reader.GetInt64(0), reader.GetString(1));
            },
            cancellationToken).ConfigureAwait(false);
        return new LogTable(database, options, id, channel);
    }

    public Task<LogRange> GetRangeAsync(CancellationToken cancellationToken) => _database.RunAsync(
        async connection =>
        {
            using var query = Command(connection, _statements.Range);
            return Seen(await ReadRangeAsync(query).ConfigureAwait(false));
        },
        cancellationToken);

    /// <summary>Reads the records from an offset to the end of their batch.</summary>
    public Task<RecordBatch> ReadAsync(ulong offset, CancellationToken cancellationToken) => _database.RunAsync(
        async connection =>
        {
            using var query = Command(connection, _statements.Read, offset);
            var reader = await query.ExecuteReaderAsync().ConfigureAwait(false);
            await using var closing = reader.ConfigureAwait(false);
            return await ReadFirstAsync(reader, offset).ConfigureAwait(false);
        },
        cancellationToken);

    /// <summary>
    /// Reads the records from an offset to the end of their batch, and the sound batches after it up to a limit.
    /// </summary>
    public Task<IReadOnlyList<RecordBatch>> ReadOnAsync(ulong offset, int limitBytes, CancellationToken cancellationToken) =>
        _database.RunAsync(
            async connection =>
            {
                using var query = Command(connection, _statements.ReadOn, offset, (ulong)limitBytes);
                var reader = await query.ExecuteReaderAsync().ConfigureAwait(false);
                await using var closing = reader.ConfigureAwait(false);
                var batches = new List<RecordBatch>();
                var next = offset; // the offset itself is not changed, because the work may be repeated
                for (var batch = await ReadFirstAsync(reader, offset).ConfigureAwait(false); batch is not null;)
                {
                    batches.Add(batch);
                    next += (ulong)batch.Count;
                    batch = await reader.ReadAsync().ConfigureAwait(false) ? TryDecode(next, reader) : null;
                }

                return (IReadOnlyList<RecordBatch>)batches;
            },
        cancellationToken);

    /// <summary>Moves the start. Returns null if the offset is past the end.</summary>
    public Task<LogRange?> TruncateAsync(ulong offset, CancellationToken cancellationToken) => _database.RunAsync(
        async connection =>
        {
            using var command = Command(connection, _statements.Truncate, offset);
            return await Commit.RunAsync(command, command => ReadRangeAsync(command)).ConfigureAwait(false);
        },
        cancellationToken);

    /// <summary>Deletes some rows before the start. Returns false if there are no more.</summary>
    public Task<bool> DeleteTruncatedAsync(CancellationToken cancellationToken) => _database.RunAsync(
        async connection =>
        {
            using var deletion = Command(connection, _statements.Delete);
            return await deletion.ExecuteNonQueryAsync().ConfigureAwait(false) == LogStatements.DeletionLimit;
        },
        cancellationToken);

    /// <summary>Finds the first offset to keep, by age and by distance from the end.</summary>
    public Task<ulong> FindKeptAsync(long? ageLimitMs, long? limitBytes, CancellationToken cancellationToken) => _database.RunAsync(
        async connection =>
        {
            using var query = Command(connection, _statements.Keep);
            query.Parameters.Add(new NpgsqlParameter<double> { TypedValue = ageLimitMs ?? 1e14 });
            query.Parameters.Add(new NpgsqlParameter<long> { TypedValue = limitBytes ?? long.MaxValue });
            return await query.ExecuteScalarAsync().ConfigureAwait(false) is long kept ? (ulong)kept : throw RowIsGone();
        },
        cancellationToken);

    /// <summary>
    /// Finds the offset of the first stored batch of a group, if any, and the range of the log. What is found is on the synchronous
    /// standbys, too.
    /// </summary>
    /// <exception cref="NpgsqlException">
    /// The query failed, or the server is a standby, which may yet receive what it does not have.
    /// </exception>
    public async Task<(ulong? First, LogRange Range)> FindAppendAsync(NpgsqlConnection connection, Guid appendId)
    {
        using var query = Command(connection, _statements.Find);
        query.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = appendId });
        return await Commit.RunAsync(query, FindAsync).ConfigureAwait(false);

        async Task<(ulong?, LogRange)> FindAsync(NpgsqlCommand query)
        {
            var reader = await query.ExecuteReaderAsync().ConfigureAwait(false);
            await using var closing = reader.ConfigureAwait(false);
            await reader.ReadAsync().ConfigureAwait(false);
            if (reader.GetBoolean(0))
            {
                _database.Forget();
                throw new NpgsqlException("the server is a standby");
            }

            ulong? first = await reader.IsDBNullAsync(3).ConfigureAwait(false) ? null : (ulong)reader.GetInt64(3);
            if (!await reader.IsDBNullAsync(1).ConfigureAwait(false))
                return (first, new LogRange((ulong)reader.GetInt64(1), (ulong)reader.GetInt64(2)));
            throw first is null ? RowIsGone() : new AppendOutcomeUnknownException(RowIsGone());
        }
    }

    /// <summary>Notifies other servers of the end of the log. Writes nothing, so it causes no flush.</summary>
    public async Task<int> NotifyAsync(NpgsqlConnection connection, ulong nextOffset)
    {
        using var notification = new NpgsqlCommand("select pg_notify($1, $2)", connection);
        notification.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Channel });
        notification.Parameters.Add(new NpgsqlParameter<string> { TypedValue = nextOffset.ToString(CultureInfo.InvariantCulture) });
        return await notification.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    /// <summary>Makes the exception for a missing row of the log.</summary>
    public LogUnavailableException RowIsGone()
    {
        var table = $"{_schemaName}.logs";
        return new LogUnavailableException(
            $"the log \"{_name}\" is missing from the database, its row in {table} was deleted: restore it from a backup, "
            + "or reopen the log to start an empty one",
            new MissingRowException(table));
    }

    private LogRange Seen(LogRange? range)
    {
        if (range is null)
            throw RowIsGone();
        _database.State.RowSeen();
        return range.Value;
    }

    private async Task<RecordBatch> ReadFirstAsync(NpgsqlDataReader reader, ulong offset)
    {
        if (!await reader.ReadAsync().ConfigureAwait(false))
            throw RowIsGone();
        var range = new LogRange((ulong)reader.GetInt64(0), (ulong)reader.GetInt64(1));
        if (!range.Contains(offset))
            throw new OffsetOutOfRangeException(offset, range);
        return TryDecode(offset, reader) ?? throw new RecordCorruptException(offset);
    }

    /// <summary>
    /// Decodes the records of a row from an offset on. Returns null if there are none, or the row is damaged or belongs elsewhere.
    /// </summary>
    private RecordBatch? TryDecode(ulong offset, NpgsqlDataReader row)
    {
        if (row.IsDBNull(2))
            return null;
        var (first, count, checksum, payload) = (row.GetInt64(2), row.GetInt32(3), row.GetInt32(4), (byte[])row.GetValue(5));
        if (offset - (ulong)first >= (ulong)count || BatchChecksum.Of(count, payload) != checksum)
            return null;

        // Rows of an older version have none. Such a row among those of this version is damage.
        if (row.IsDBNull(6) ? row.GetBoolean(7) : row.GetInt64(6) != PlaceChecksum.Of(Id, first, checksum))
            return null;
        try
        {
            return RecordBatch.DecodeTrusted(payload, count).From((int)(offset - (ulong)first));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static async Task<LogRange?> ReadRangeAsync(NpgsqlCommand command)
    {
        var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        await using var closing = reader.ConfigureAwait(false);
        return await reader.ReadAsync().ConfigureAwait(false)
            ? new LogRange((ulong)reader.GetInt64(0), (ulong)reader.GetInt64(1)) : null;
    }

    private NpgsqlCommand Command(NpgsqlConnection connection, string text, params ReadOnlySpan<ulong> offsets)
    {
        var command = new NpgsqlCommand(text, connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = Id });
        foreach (var offset in offsets)
            command.Parameters.Add(Number(offset));
        return command;
    }

    // An offset beyond the range of bigint is past the end of any log.
    private static NpgsqlParameter<long> Number(ulong offset) =>
        new() { TypedValue = (long)Math.Min(offset, long.MaxValue), NpgsqlDbType = NpgsqlDbType.Bigint };
}
