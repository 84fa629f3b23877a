namespace LogKit.Postgres.Storage;

/// <summary>The SQL statements for the rows of a log. $1 is the ID of the log unless stated otherwise.</summary>
internal sealed class LogStatements
{
    /// <summary>The number of rows deleted at a time: enough to be fast, few enough that nobody waits for it.</summary>
    public const int DeletionLimit = 500;

    /// <summary>The limit on batches per read: enough that the round trip matters little.</summary>
    private const int ReadLimit = 1024;

    public LogStatements(string schemaName)
    {
        var logs = Schema.Quoted(schemaName) + ".logs";
        var batches = Schema.Quoted(schemaName) + ".batches";

        Create = $"""
            insert into {logs} (name, start_offset, next_offset)
            select $1, $2, $2 where not exists (select from {logs} where name = $1) on conflict (name) do nothing
            """;
        Identify = $"select id, 'logkit_' || '{logs}'::regclass::oid || '_' || id from {logs} where name = $1";
        Range = $"select start_offset, next_offset from {logs} where id = $1";

        Read = OfOneMoment($"""
            select first_offset, record_count, checksum, payload, place from {batches}
            where log_id = $1 and first_offset <= $2 order by first_offset desc limit 1
            """);

        // Only the key has an index. So the scan ends where the limit would be reached if all batches had the size of the first, whatever
        // the query plan. Few rows are read that are not returned.
        ReadOn = OfOneMoment($"""
            select b.first_offset, b.record_count, b.checksum, b.payload, b.place
            from (
                select first_offset, position,
                    first_offset + record_count * least($3 / greatest(octet_length(payload), 1) + 1, {ReadLimit}) as end_offset
                from {batches} where log_id = $1 and first_offset <= $2 order by first_offset desc limit 1) f
            cross join lateral (
                select first_offset, position, record_count, checksum, payload, place from {batches}
                where log_id = $1 and f.first_offset <= first_offset and first_offset < f.end_offset
                order by first_offset limit {ReadLimit}) b
            where b.first_offset = f.first_offset or b.position + octet_length(b.payload) <= f.position + $3
            """);

        Truncate = $"""
            update {logs} set start_offset = greatest(start_offset, $2)
            where id = $1 and $2 <= next_offset returning start_offset, next_offset
            """;
        Delete = $"""
            delete from {batches} where log_id = $1 and first_offset in (
                select b.first_offset from {batches} b join {logs} l on l.id = b.log_id
                where b.log_id = $1 and b.first_offset < l.start_offset and b.first_offset + b.record_count <= l.start_offset
                order by b.first_offset limit {DeletionLimit})
            """;

        // Scans the batches that will be deleted, and one more.
        Keep = $"""
            select coalesce((
                select b.first_offset from {batches} b
                where b.log_id = $1 and b.first_offset >= l.start_offset
                    and b.appended_at >= clock_timestamp() - $2 * interval '1 millisecond' and b.position >= l.next_position - $3
                order by b.first_offset limit 1), l.next_offset)
            from {logs} l where l.id = $1
            """;

        // Takes no lock that others wait for, and waits for none. The rows are found by an index ("offset 0" keeps the planner from
        // scanning the key instead). The message is written to the write-ahead log, so the statement has a commit, which waits for the
        // synchronous standbys; after it, they have everything that was committed before. A standby cannot write one.
        Find = $"""
            with head as (select start_offset, next_offset from {logs} where id = $1)
            select pg_is_in_recovery(), head.start_offset, head.next_offset,
                (select min(f.first_offset) from (select first_offset from {batches} where append_id = $2 and log_id = $1 offset 0) f),
                case when not pg_is_in_recovery() then pg_logical_emit_message(true, 'logkit', '') end
            from (values (1)) as one left join head on true
            """;

        AppendConditionally = $"select {Schema.Quoted(schemaName)}.append_group($1, $2, $6, $3, $4, $5)";

        // For groups without conditions, in which all offsets follow from the first: this takes two thirds of the time. The update takes
        // the lock, and then sees the current row.
        Append = $"""
            with log as (
                update {logs} set next_offset = next_offset + $6, next_position = next_position + $7, {Schema.PlacedUpTo(
                "next_offset + $6"
            )}
                where id = $1 returning next_offset - $6 as first_offset, next_position - $7 as position),
            appended as (
                insert into {batches} (log_id, first_offset, position, appended_at, append_id, record_count, checksum, payload, place)
                select $1, log.first_offset + b.first_offset, log.position + b.position, clock_timestamp(),
                    case when b.first_offset = 0 then $2 end,
                    b.records, b.checksum, b.payload, {PlaceChecksum.Sql("$1", "log.first_offset + b.first_offset", "b.checksum")}
                from log, unnest($8, $9, $3, $4, $5) as b (first_offset, position, records, checksum, payload))
            select first_offset from log
            """;

        // Range and batches come from one snapshot, so the result reflects one instant.
        string OfOneMoment(string found) => $"""
            select l.start_offset, l.next_offset, b.first_offset, b.record_count, b.checksum, b.payload, b.place,
                coalesce(b.first_offset >= l.placed_from and b.first_offset < l.placed_next, false)
            from {logs} l left join lateral ({found}) b on l.start_offset <= $2 and $2 < l.next_offset
            where l.id = $1
            """;
    }

    /// <summary>Creates a log if it does not exist. $1: its name, $2: its start.</summary>
    public string Create { get; }

    /// <summary>Gets the ID of a log and the channel of its notifications. $1: its name.</summary>
    public string Identify { get; }

    public string Range { get; }

    /// <summary>Reads the batch that contains an offset.</summary>
    public string Read { get; }

    /// <summary>Reads the batch that contains an offset, and the batches after it up to a limit.</summary>
    public string ReadOn { get; }

    public string Truncate { get; }

    public string Delete { get; }

    /// <summary>Finds the first offset to keep, by age and by distance from the end.</summary>
    public string Keep { get; }

    /// <summary>Finds where a group was stored. $2: its ID.</summary>
    public string Find { get; }

    /// <summary>Appends a group without conditions.</summary>
    public string Append { get; }

    /// <summary>Appends a group with conditions, which the function checks under the lock on the row of the log.</summary>
    public string AppendConditionally { get; }
}
