using System.Globalization;
using Npgsql;
using NpgsqlTypes;

namespace LogKit.Postgres.Storage;

/// <summary>The rows of one log: what is asked of them, other than to append.</summary>
internal sealed class LogTable(Database database, string schema, long id, string channel)
{
    /// <summary>How many rows are deleted at a time: so many that it goes fast, so few that nobody waits for it.</summary>
    private const int DeletionLimit = 500;

    /// <summary>How many batches are read at a time at most: so many that the way to the database counts for little.</summary>
    private const int ReadLimit = 1024;

    private readonly string _range = $"select start_offset, next_offset from {schema}.logs where id = $1";

    private readonly string _read = Read(schema, $"""
        select first_offset, record_count, checksum, payload from {schema}.batches
        where log_id = $1 and first_offset <= $2 order by first_offset desc limit 1
        """);

    // Only the key has an index. So the walk over it ends where the limit would be reached if all batches were like the first, whatever
    // plan the database makes of it: rows that are looked at, and do not go into the answer, are few.
    private readonly string _readOn = Read(schema, $"""
        select b.first_offset, b.record_count, b.checksum, b.payload
        from (
            select first_offset, position,
                first_offset + record_count * least($3 / greatest(octet_length(payload), 1) + 1, {ReadLimit}) as end_offset
            from {schema}.batches where log_id = $1 and first_offset <= $2 order by first_offset desc limit 1) f
        cross join lateral (
            select first_offset, position, record_count, checksum, payload from {schema}.batches
            where log_id = $1 and f.first_offset <= first_offset and first_offset < f.end_offset order by first_offset limit {ReadLimit}) b
        where b.first_offset = f.first_offset or b.position + octet_length(b.payload) <= f.position + $3
        """);

    private readonly string _truncate = $"""
        update {schema}.logs set start_offset = greatest(start_offset, $2)
        where id = $1 and $2 <= next_offset returning start_offset, next_offset
        """;

    private readonly string _delete = $"""
        delete from {schema}.batches where log_id = $1 and first_offset in (
            select b.first_offset from {schema}.batches b join {schema}.logs l on l.id = b.log_id
            where b.log_id = $1 and b.first_offset < l.start_offset and b.first_offset + b.record_count <= l.start_offset
            order by b.first_offset limit {DeletionLimit})
        """;

    // Walks what is to go, and one batch more.
    private readonly string _keep = $"""
        select coalesce((
            select b.first_offset from {schema}.batches b
            where b.log_id = $1 and b.first_offset >= l.start_offset
                and b.appended_at >= clock_timestamp() - $2 * interval '1 millisecond' and b.position >= l.next_position - $3
            order by b.first_offset limit 1), l.next_offset)
        from {schema}.logs l where l.id = $1
        """;

    // The lock waits for whoever is at it, and its own commit for the standbys that an acknowledged append has to have reached.
    private readonly string _find = $"""
        with head as (select id, start_offset, next_offset from {schema}.logs where id = $1 for update)
        select start_offset, next_offset, (select min(first_offset) from {schema}.batches where log_id = head.id and first_offset >= $2 and append_id = $3)
        from head
        """;

    public Database Database => database;

    public long Id => id;

    /// <summary>The channel of notifications: each tells the next offset.</summary>
    public string Channel => channel;

    /// <summary>Appends where some are conditional: the function decides about each, under the lock of the log's row.</summary>
    public string ConditionalAppendText { get; } = $"select {schema}.append($1, $2, $6, $3, $4, $5)";

    /// <summary>
    /// The same where none is, so that what each gets follows from the first: two thirds of the work. The update takes the lock, and
    /// sees the row as it is once it has it.
    /// </summary>
    public string AppendText { get; } = $"""
        with log as (
            update {schema}.logs set next_offset = next_offset + $6, next_position = next_position + $7
            where id = $1 returning next_offset - $6 as first_offset, next_position - $7 as position),
        appended as (
            insert into {schema}.batches
            select $1, log.first_offset + b.first_offset, log.position + b.position, clock_timestamp(), $2, b.records, b.checksum, b.payload
            from log, unnest($8, $9, $3, $4, $5) as b (first_offset, position, records, checksum, payload))
        select first_offset from log
        """;

    /// <summary>Finds a log by its name, or makes a new one.</summary>
    public static async Task<LogTable> OpenAsync(Database database, PostgresLogOptions options, CancellationToken cancellationToken)
    {
        var schema = options.SchemaName;
        var (id, channel) = await database.RunAsync(
            async (connection, token) =>
            {
                using var creation = new NpgsqlCommand(
                    $"insert into {schema}.logs (name, start_offset, next_offset) select $1, $2, $2 where not exists (select from {schema}.logs where name = $1) on conflict (name) do nothing",
                    connection);
                creation.Parameters.Add(new NpgsqlParameter<string> { TypedValue = options.LogName });
                creation.Parameters.Add(Number(options.StartOffset));
                await creation.ExecuteNonQueryAsync(token).ConfigureAwait(false);
                using var query = new NpgsqlCommand(
                    $"select id, 'logkit_' || '{schema}.logs'::regclass::oid || '_' || id from {schema}.logs where name = $1", connection);
                query.Parameters.Add(new NpgsqlParameter<string> { TypedValue = options.LogName });
                var reader = await query.ExecuteReaderAsync(token).ConfigureAwait(false);
                await using var closing = reader.ConfigureAwait(false);
                await reader.ReadAsync(token).ConfigureAwait(false);
                return (reader.GetInt64(0), reader.GetString(1));
            },
            cancellationToken).ConfigureAwait(false);
        return new LogTable(database, schema, id, channel);
    }

    public Task<LogRange> GetRangeAsync(CancellationToken cancellationToken) => database.RunAsync(
        async (connection, token) =>
        {
            using var query = Command(connection, _range);
            return await ReadRangeAsync(query, token).ConfigureAwait(false) ?? throw RowIsGone();
        },
        cancellationToken);

    /// <summary>Reads from an offset to the end of its batch.</summary>
    public Task<RecordBatch> ReadAsync(ulong offset, CancellationToken cancellationToken) => database.RunAsync(
        async (connection, token) =>
        {
            using var query = Command(connection, _read, offset);
            var reader = await query.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using var closing = reader.ConfigureAwait(false);
            return await ReadFirstAsync(reader, offset, token).ConfigureAwait(false);
        },
        cancellationToken);

    /// <summary>Reads from an offset to the end of its batch, and the batches after it, as far as they are sound and within a limit.</summary>
    public Task<IReadOnlyList<RecordBatch>> ReadOnAsync(ulong offset, int limitBytes, CancellationToken cancellationToken) => database.RunAsync(
        async (connection, token) =>
        {
            using var query = Command(connection, _readOn, offset, (ulong)limitBytes);
            var reader = await query.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using var closing = reader.ConfigureAwait(false);
            var batches = new List<RecordBatch>();
            var next = offset; // the offset itself stays as it is: the work may be done twice
            for (var batch = await ReadFirstAsync(reader, offset, token).ConfigureAwait(false); batch is not null;)
            {
                batches.Add(batch);
                next += (ulong)batch.Count;
                batch = await reader.ReadAsync(token).ConfigureAwait(false) ? TryDecode(next, reader) : null;
            }

            return (IReadOnlyList<RecordBatch>)batches;
        },
        cancellationToken);

    /// <summary>Moves the start; null where the offset is past the end.</summary>
    public Task<LogRange?> TruncateAsync(ulong offset, CancellationToken cancellationToken) => database.RunAsync(
        async (connection, _) =>
        {
            using var command = Command(connection, _truncate, offset);
            return await Commit.RunAsync(command, command => ReadRangeAsync(command, CancellationToken.None)).ConfigureAwait(false);
        },
        cancellationToken);

    /// <summary>Deletes some of the rows before the start; false where there are no more.</summary>
    public Task<bool> DeleteTruncatedAsync(CancellationToken cancellationToken) => database.RunAsync(
        async (connection, token) =>
        {
            using var deletion = Command(connection, _delete);
            return await deletion.ExecuteNonQueryAsync(token).ConfigureAwait(false) == DeletionLimit;
        },
        cancellationToken);

    /// <summary>The first offset that is young enough and near enough to the end to be kept.</summary>
    public Task<ulong> FindKeptAsync(long? ageLimitMs, long? limitBytes, CancellationToken cancellationToken) => database.RunAsync(
        async (connection, token) =>
        {
            using var query = Command(connection, _keep);
            query.Parameters.Add(new NpgsqlParameter<double> { TypedValue = ageLimitMs ?? 1e14 });
            query.Parameters.Add(new NpgsqlParameter<long> { TypedValue = limitBytes ?? long.MaxValue });
            return (ulong)(long)(await query.ExecuteScalarAsync(token).ConfigureAwait(false))!;
        },
        cancellationToken);

    /// <summary>
    /// Where the first batch of a group that was to be appended is, if any of it is stored; and what the log holds, outside of which
    /// that cannot be told.
    /// </summary>
    /// <param name="connection">Whose server is to tell.</param>
    /// <param name="appendId">The id of the group.</param>
    /// <param name="fromOffset">Where to begin: a next offset from before the group was sent.</param>
    public async Task<(ulong? First, LogRange Range)> FindAppendAsync(NpgsqlConnection connection, Guid appendId, ulong fromOffset)
    {
        using var query = Command(connection, _find, fromOffset);
        query.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = appendId });
        return await Commit.RunAsync(query, FindAsync).ConfigureAwait(false);

        static async Task<(ulong?, LogRange)> FindAsync(NpgsqlCommand query)
        {
            var reader = await query.ExecuteReaderAsync().ConfigureAwait(false);
            await using var closing = reader.ConfigureAwait(false);
            if (!await reader.ReadAsync().ConfigureAwait(false))
                throw RowIsGone();
            var isStored = !await reader.IsDBNullAsync(2).ConfigureAwait(false);
            return (isStored ? (ulong)reader.GetInt64(2) : null, new LogRange((ulong)reader.GetInt64(0), (ulong)reader.GetInt64(1)));
        }
    }

    /// <summary>Tells other servers where the log ends. It writes nothing, so nothing is flushed for it.</summary>
    public Task NotifyAsync(ulong nextOffset, CancellationToken cancellationToken) => database.RunAsync(
        async (connection, token) =>
        {
            using var notification = new NpgsqlCommand("select pg_notify($1, $2)", connection);
            notification.Parameters.Add(new NpgsqlParameter<string> { TypedValue = channel });
            notification.Parameters.Add(new NpgsqlParameter<string> { TypedValue = nextOffset.ToString(CultureInfo.InvariantCulture) });
            return await notification.ExecuteNonQueryAsync(token).ConfigureAwait(false);
        },
        cancellationToken);

    public static LogException RowIsGone() => new("the log's row is gone from the database");

    // Range and batches are of one snapshot, so an answer is always of one moment.
    private static string Read(string schema, string batches) => $"""
        select l.start_offset, l.next_offset, b.first_offset, b.record_count, b.checksum, b.payload
        from {schema}.logs l left join lateral ({batches}) b on l.start_offset <= $2 and $2 < l.next_offset
        where l.id = $1
        """;

    private static async Task<RecordBatch> ReadFirstAsync(NpgsqlDataReader reader, ulong offset, CancellationToken cancellationToken)
    {
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            throw RowIsGone();
        var range = new LogRange((ulong)reader.GetInt64(0), (ulong)reader.GetInt64(1));
        if (!range.Contains(offset))
            throw new OffsetOutOfRangeException(offset, range);
        return TryDecode(offset, reader) ?? throw new RecordCorruptException(offset);
    }

    /// <summary>The records of a row from an offset on; null where it holds none, or they are damaged.</summary>
    private static RecordBatch? TryDecode(ulong offset, NpgsqlDataReader row)
    {
        if (row.IsDBNull(2))
            return null;
        var (first, count, payload) = ((ulong)row.GetInt64(2), row.GetInt32(3), (byte[])row.GetValue(5));
        if (offset - first >= (ulong)count || Crc32C.Of(count, payload) != row.GetInt32(4))
            return null;
        try
        {
            return RecordBatch.DecodeTrusted(payload, count).From((int)(offset - first));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static async Task<LogRange?> ReadRangeAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var closing = reader.ConfigureAwait(false);
        return await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
            ? new LogRange((ulong)reader.GetInt64(0), (ulong)reader.GetInt64(1)) : null;
    }

    private NpgsqlCommand Command(NpgsqlConnection connection, string text, params ReadOnlySpan<ulong> offsets)
    {
        var command = new NpgsqlCommand(text, connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
        foreach (var offset in offsets)
            command.Parameters.Add(Number(offset));
        return command;
    }

    // What is past all that a bigint can number is past the end of any log.
    private static NpgsqlParameter<long> Number(ulong offset) =>
        new() { TypedValue = (long)Math.Min(offset, long.MaxValue), NpgsqlDbType = NpgsqlDbType.Bigint };
}
