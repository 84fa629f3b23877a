-- The schema as version 1 of this program made it. It does not change.
create schema if not exists the_schema;

create table the_schema.schema_version (version int not null);
insert into the_schema.schema_version values (1);

create table the_schema.logs (
    id             bigint generated always as identity primary key,
    name           text   not null unique,
    start_offset   bigint not null,
    next_offset    bigint not null,
    next_position  bigint not null default 0,
    check (0 <= start_offset and start_offset <= next_offset)
) with (fillfactor = 10);

create table the_schema.batches (
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
alter table the_schema.batches alter column payload set storage external;

create function the_schema.append(
    of_log bigint, with_id uuid, expected_offsets bigint[], record_counts int[], checksums int[], payloads bytea[])
returns bigint[] language plpgsql as $body$
declare
    head      record;
    next      bigint;
    position  bigint;
    offsets   bigint[] := array_fill(0::bigint, array[cardinality(record_counts)]);
    positions bigint[] := offsets;
begin
    select next_offset, next_position into strict head from the_schema.logs where id = of_log for update;
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
        insert into the_schema.batches
        select of_log, b.first, b.position, clock_timestamp(), with_id, b.records, b.checksum, b.payload
        from unnest(offsets, positions, expected_offsets, record_counts, checksums, payloads)
            as b (first, position, expected, records, checksum, payload)
        where b.expected is null or b.expected = b.first;
        update the_schema.logs set next_offset = next, next_position = position where id = of_log;
    end if;
    return offsets;
end
$body$;
