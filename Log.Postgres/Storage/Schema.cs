// The tables and functions, and their creation. This is a storage format: changes are additive and get a new version.

using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>
/// Creates the schema if it does not exist, or upgrades it. Several servers may do so at the same time.
/// </summary>
internal static class Schema
{
    private const int CurrentVersion = 2;

    /// <summary>The name of a schema as a quoted identifier.</summary>
    public static string Quoted(string name) => $"\"{name}\"";

    /// <summary>
    /// The range in which all batches have a place checksum, which an append sets in the row of the log, given the new end. If a server of
    /// version 1 appends in between, it leaves a gap, after which the range starts over.
    /// </summary>
    public static string PlacedUpTo(string nextOffset) =>
        $"placed_from = case when placed_next = next_offset then placed_from else next_offset end, placed_next = {nextOffset}";

    public static async Task EnsureAsync(NpgsqlConnection connection, string name)
    {
        if (await FindVersionAsync(connection, name).ConfigureAwait(false) == CurrentVersion)
            return; // requires no privilege to create anything

        var transaction = await connection.BeginTransactionAsync().ConfigureAwait(false);
        await using var ending = transaction.ConfigureAwait(false);
        using (var turn = new NpgsqlCommand(
            "select set_config('statement_timeout', '0', true), pg_advisory_xact_lock(hashtextextended($1, 0))", connection))
        {
            turn.Parameters.Add(new NpgsqlParameter<string> { TypedValue = $"logkit schema {name}" });
            await turn.ExecuteNonQueryAsync().ConfigureAwait(false);
        }

        var schema = Quoted(name);
        var changes = await FindVersionAsync(connection, name).ConfigureAwait(false) switch
        {
            null => Version1(schema) + Version2(schema),
            1 => Version2(schema),
            _ => "",
        };
        if (changes.Length > 0)
        {
            using var change = new NpgsqlCommand(changes, connection);
            await change.ExecuteNonQueryAsync().ConfigureAwait(false);
        }

        await transaction.CommitAsync().ConfigureAwait(false);
    }

    private static async Task<int?> FindVersionAsync(NpgsqlConnection connection, string name)
    {
        // Queries the catalog tables, because a lookup by name may use a cache that is older than the lock.
        using var query = new NpgsqlCommand(
            "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = "
                + "'schema_version')",
            connection);
        query.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
        if (await query.ExecuteScalarAsync().ConfigureAwait(false) is not true)
            return null;

        using var version = new NpgsqlCommand($"select version from {Quoted(name)}.schema_version", connection);
        return await version.ExecuteScalarAsync().ConfigureAwait(false) switch
        {
            int known and >= 1 and <= CurrentVersion => known,
            int unknown => throw new PostgresLogOpenException(
                $"schema \"{name}\" has version {unknown}, but this program supports versions up to {CurrentVersion}: upgrade the program"),
            _ => throw new PostgresLogOpenException(
                $"schema \"{name}\" has no version in its table schema_version: restore it, or use another schema"),
        };
    }

    // Each group of appends updates the row of the log. Free space in its page keeps these updates from touching an index.
    // Payloads are not compressed, which would cost more than it saves.
    //
    // append() returns the offset of each batch or, if it expected another, the one it would have been given. It holds the row lock until
    // the commit is durable, so offsets are dense and in commit order.
    private static string Version1(string schema) => $"""
        create schema if not exists {schema};

        create table {schema}.schema_version (version int not null);
        insert into {schema}.schema_version values (1);

        create table {schema}.logs (
            id             bigint generated always as identity primary key,
            name           text   not null unique,
            start_offset   bigint not null,
            next_offset    bigint not null,
            next_position  bigint not null default 0,
            check (0 <= start_offset and start_offset <= next_offset)
        ) with (fillfactor = 10);

        create table {schema}.batches (
            log_id         bigint not null,
            first_offset   bigint not null,
            position       bigint not null,
            appended_at    timestamptz not null,
            append_id      uuid   not null,
            record_count   int    not null,
            checksum       int    not null,
            payload        bytea  not null,
            primary key (log_id, first_offset)
        );
        alter table {schema}.batches alter column payload set storage external;

        create function {schema}.append(
            of_log bigint, with_id uuid, expected_offsets bigint[], record_counts int[], checksums int[], payloads bytea[])
        returns bigint[] language plpgsql as $body$
        declare
            head      record;
            next      bigint;
            position  bigint;
            offsets   bigint[] := array_fill(0::bigint, array[cardinality(record_counts)]);
            positions bigint[] := offsets;
        begin
            select next_offset, next_position into strict head from {schema}.logs where id = of_log for update;
            next := head.next_offset;
            position := head.next_position;
            for i in 1 .. cardinality(record_counts) loop
                offsets[i] := next;
                positions[i] := position;
                if expected_offsets[i] is null or expected_offsets[i] = next then
                    next := next + record_counts[i];
                    position := position + octet_length(payloads[i]);
                end if;
            end loop;
            if next > head.next_offset then
                insert into {schema}.batches
                select of_log, b.first, b.position, clock_timestamp(), with_id, b.records, b.checksum, b.payload
                from unnest(offsets, positions, expected_offsets, record_counts, checksums, payloads)
                    as b (first, position, expected, records, checksum, payload)
                where b.expected is null or b.expected = b.first;
                update {schema}.logs set next_offset = next, next_position = position where id = of_log;
            end if;
            return offsets;
        end
        $body$;
        """;

    // Since version 2:
    // - place ties a batch to its log and offset (see PlaceChecksum). Batches of version 1 have none; placed_from and placed_next say where
    //   that is allowed.
    // - Only the first stored batch of a group carries the ID of the group, which has an index, so finding a group takes a few reads
    //   regardless of the size of the log.
    // - append_group() is append() with these. Running servers of version 1 continue to use append().
    private static string Version2(string schema) => $"""

        alter table {schema}.logs add column placed_from bigint, add column placed_next bigint;
        alter table {schema}.batches add column place bigint, alter column append_id drop not null;
        create index batches_append_id on {schema}.batches (append_id) where append_id is not null;

            create function {schema}.append_group(
                of_log bigint, with_id uuid, expected_offsets bigint[], record_counts int[], checksums int[], payloads bytea[])
            returns bigint[] language plpgsql as $body$
            declare
                head      record;
                next      bigint;
                position  bigint;
                offsets   bigint[] := array_fill(0::bigint, array[cardinality(record_counts)]);
                positions bigint[] := offsets;
            begin
                select next_offset, next_position into head from {schema}.logs where id = of_log for update;
                if not found then
                    return null;
                end if;
                next := head.next_offset;
                position := head.next_position;
                for i in 1 .. cardinality(record_counts) loop
                    offsets[i] := next;
                    positions[i] := position;
                    if expected_offsets[i] is null or expected_offsets[i] = next then
                        next := next + record_counts[i];
                        position := position + octet_length(payloads[i]);
                    end if;
                end loop;
                if next > head.next_offset then
                    insert into {schema}.batches
                        (log_id, first_offset, position, appended_at, append_id, record_count, checksum, payload, place)
                    select of_log, b.first, b.position, clock_timestamp(), case when b.first = head.next_offset then with_id end,
                        b.records, b.checksum, b.payload, {PlaceChecksum.Sql("of_log", "b.first", "b.checksum")}
                    from unnest(offsets, positions, expected_offsets, record_counts, checksums, payloads)
                        as b (first, position, expected, records, checksum, payload)
                    where b.expected is null or b.expected = b.first;
                    update {schema}.logs set next_offset = next, next_position = position, {PlacedUpTo("next")} where id = of_log;
                end if;
                return offsets;
            end
            $body$;

        update {schema}.schema_version set version = 2;
        """;
}
