// The tables and the one function, and how they come to be. What is here is a format: a change of it is a new version.

using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>Makes the schema where it is not there, whoever else is doing so at the same time, and checks its version where it is.</summary>
internal static class Schema
{
    private const int CurrentVersion = 1;

    public static async Task EnsureAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        if (await IsThereAsync(connection, schema, cancellationToken).ConfigureAwait(false))
            return; // which takes no right to create anything

        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using var ending = transaction.ConfigureAwait(false);
        using (var turn = new NpgsqlCommand("select pg_advisory_xact_lock(hashtextextended($1, 0))", connection))
        {
            turn.Parameters.Add(new NpgsqlParameter<string> { TypedValue = $"logkit schema {schema}" });
            await turn.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        if (!await IsThereAsync(connection, schema, cancellationToken).ConfigureAwait(false))
        {
            using var creation = new NpgsqlCommand(Creation(schema), connection);
            await creation.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task<bool> IsThereAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        // Asked of the catalogue's rows: a look-up by name may answer from a cache that is older than the lock.
        using var query = new NpgsqlCommand(
            "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = 'schema_version')",
            connection);
        query.Parameters.Add(new NpgsqlParameter<string> { TypedValue = schema });
        if (await query.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is not true)
            return false;

        using var version = new NpgsqlCommand($"select version from {schema}.schema_version", connection);
        return await version.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is CurrentVersion
            ? true
            : throw new PostgresLogOpenException($"schema \"{schema}\" is not of version {CurrentVersion}, which is what this program knows");
    }

    // The row of a log is updated by each group of appends. Room in its page keeps that from touching an index, and the page small.
    // A payload is taken as it is: compressing it would cost more than it saves, and what it holds is nobody's business here.
    //
    // append() tells for each batch the offset that it got, or, where another was expected, would have got. The row lock that it
    // takes is held until the commit is durable: so offsets are dense, and their order is the order of the commits.
    private static string Creation(string schema) => $"""
        create schema if not exists {schema};

        create table {schema}.schema_version (version int not null);
        insert into {schema}.schema_version values ({CurrentVersion});

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
}
