using LogKit.Postgres;
using LogKit.Postgres.Appends;
using LogKit.Tests.Support;

namespace LogKit.Tests.Postgres;

/// <summary>
/// Settings, notifications, and changes that others make in the database lose no record, end no wait, and are not mistaken for those of the
/// log.
/// </summary>
public sealed class HostileDatabaseTests
{
    private readonly string _schema = $"hostile_{Guid.NewGuid():N}";

    [PostgresFact]
    public async Task A_log_works_with_any_defaults_of_its_role_and_connection_string()
    {
        var role = $"role_{Guid.NewGuid():N}";
        string[] defaults =
        [
            "client_min_messages = error", "default_transaction_isolation = serializable", "synchronous_commit = off",
            "search_path = nowhere", "bytea_output = escape", "DateStyle = 'SQL, DMY'", "statement_timeout = 100", "lock_timeout = 100",
            "idle_session_timeout = 100", "idle_in_transaction_session_timeout = 100", "standard_conforming_strings = off",
        ];
        await PostgresCluster.Shared.ExecuteAsync($"create role {role} superuser login password '{PostgresCluster.Password}'");
        foreach (var value in defaults)
            await PostgresCluster.Shared.ExecuteAsync($"alter role {role} set {value}");
        await using var log = await OpenAsync(options =>
            options with
            {
                ConnectionString = $"{options.ConnectionString};Username={role};Options=-c extra_float_digits=0 -c row_security=off",
            });
        var offsets = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => log.AppendBatchAsync(RecordBatch.OfText($"{i}")).AsTask()))
            .Within("appends");
        Assert.Equal(50ul, await log.AppendBatchAsync(RecordBatch.OfText("50"), expectedOffset: 50));
        Assert.Equal(offsets.Order(), Enumerable.Range(0, 50).Select(i => (ulong)i));
        Assert.Equal(51, (await log.ReadAllTextAsync()).Count);
        await log.TruncateBeforeAsync(10);
    }

    [PostgresTheory]
    [InlineData("18446744073709551615")]
    [InlineData("9223372036854775807")]
    [InlineData("-1")]
    [InlineData("not a number")]
    [InlineData("")]
    public async Task A_notification_from_someone_else_ends_no_wait(string payload)
    {
        await using var log = await OpenAsync();
        await log.AppendBatchAsync(RecordBatch.OfText("first"));
        var waiting = log.WaitForAppendAsync(1).AsTask();
        for (var i = 0; i < 3; i++)
        {
            await PostgresCluster.Shared.ExecuteAsync(
                $"select pg_notify('logkit_' || '{_schema}.logs'::regclass::oid || '_' || id, '{payload}') from {_schema}.logs");
        }

        Assert.Equal(["first"], await log.ReadAllTextAsync());
        Assert.False(waiting.IsCompleted);
        await log.AppendBatchAsync(RecordBatch.OfText("second"));
        await waiting.Within("the wait");
        Assert.Equal(new LogRange(0, 2), await log.GetRangeAsync());
    }

    [PostgresFact]
    public async Task A_log_without_its_row_fails_every_call_until_the_row_is_back()
    {
        await using var log = await OpenAsync();
        await log.AppendBatchAsync(RecordBatch.OfText("first"));
        await PostgresCluster.Shared.ExecuteAsync($"create table {_schema}.kept as select * from {_schema}.logs");
        await PostgresCluster.Shared.ExecuteAsync($"delete from {_schema}.logs");

        await AssertMissingAsync(() => log.AppendBatchAsync(RecordBatch.OfText("lost")).AsTask());
        await AssertMissingAsync(() => log.AppendBatchAsync(RecordBatch.OfText("lost"), expectedOffset: 1).AsTask());
        await AssertMissingAsync(() => log.ReadBatchAsync(0).AsTask());
        await AssertMissingAsync(() => log.ReadBatchesAsync(0, 1000).AsTask());
        await AssertMissingAsync(() => log.GetRangeAsync().AsTask());
        await AssertMissingAsync(() => log.WaitForAppendAsync(1).AsTask());
        await AssertMissingAsync(() => log.TruncateBeforeAsync(1).AsTask());

        await PostgresCluster.Shared.ExecuteAsync($"insert into {_schema}.logs overriding system value select * from {_schema}.kept");
        Assert.Equal(1ul, await log.AppendBatchAsync(RecordBatch.OfText("second")));
        Assert.Equal(["first", "second"], await log.ReadAllTextAsync());

        static async Task AssertMissingAsync(Func<Task> call)
        {
            var exception = await Assert.ThrowsAsync<LogUnavailableException>(() => call().Within("an answer"));
            Assert.Contains("row", exception.Message, StringComparison.Ordinal);
        }
    }

    [PostgresFact]
    public async Task The_error_for_a_read_only_database_says_what_to_do()
    {
        await using (var writable = await OpenAsync())
            await writable.AppendBatchAsync(RecordBatch.OfText("first"));
        var refused = await Assert.ThrowsAsync<LogUnavailableException>(() => OpenAsync(
            options => options with { ConnectionString = options.ConnectionString + ";Options=-c default_transaction_read_only=on" }));
        Assert.Contains("was reached and is read-only", refused.Message, StringComparison.Ordinal);
        Assert.Contains("connect to the primary", refused.Message, StringComparison.Ordinal);
    }

    [PostgresFact]
    public async Task Swapped_rows_are_detected_as_damage()
    {
        await using var log = await OpenAsync();
        await log.AppendBatchAsync(RecordBatch.OfText("one"));
        await log.AppendBatchAsync(RecordBatch.OfText("two"));
        foreach (var (from, to) in ((int, int)[])[(0, 100), (1, 0), (100, 1)])
            await PostgresCluster.Shared.ExecuteAsync($"update {_schema}.batches set first_offset = {to} where first_offset = {from}");
        await Assert.ThrowsAsync<RecordCorruptException>(() => log.ReadBatchAsync(0).AsTask());
        await Assert.ThrowsAsync<RecordCorruptException>(() => log.ReadBatchAsync(1).AsTask());
    }

    [PostgresFact]
    public async Task A_batch_copied_to_another_log_is_detected_as_damage()
    {
        await using var one = await OpenAsync();
        await using var other = await OpenAsync(options => options with { LogName = "other" });
        await one.AppendBatchAsync(RecordBatch.OfText("one"));
        await other.AppendBatchAsync(RecordBatch.OfText("two"));
        await PostgresCluster.Shared.ExecuteAsync(
            $"update {_schema}.batches b set payload = o.payload, checksum = o.checksum, place = o.place, record_count = o.record_count "
            + $"from {_schema}.batches o where b.log_id < o.log_id");
        await Assert.ThrowsAsync<RecordCorruptException>(() => one.ReadBatchAsync(0).AsTask());
        Assert.Equal(["two"], await other.ReadAllTextAsync());
    }

    [PostgresTheory]
    [InlineData("select")]
    [InlineData("user")]
    [InlineData("order")]
    public async Task A_schema_name_may_be_a_reserved_word(string schema)
    {
        await using (var log = await OpenAsync(options => options with { SchemaName = schema }))
        {
            Assert.Equal(0ul, await log.AppendBatchAsync(RecordBatch.OfText("first")));
            Assert.Equal(1ul, await log.AppendBatchAsync(RecordBatch.OfText("second"), expectedOffset: 1));
            Assert.Equal(["first", "second"], await log.ReadAllTextAsync());
        }

        await PostgresCluster.Shared.ExecuteAsync($"drop schema \"{schema}\" cascade");
    }

    [Theory]
    [InlineData("log", "information_schema", nameof(PostgresLogOptions.SchemaName))]
    [InlineData("log", "pg_catalog", nameof(PostgresLogOptions.SchemaName))]
    [InlineData("log", "Upper", nameof(PostgresLogOptions.SchemaName))]
    [InlineData("log", "new\nline", nameof(PostgresLogOptions.SchemaName))]
    [InlineData("log", "ends\n", nameof(PostgresLogOptions.SchemaName))]
    [InlineData("log", "", nameof(PostgresLogOptions.SchemaName))]
    [InlineData("nul \0", "logkit", nameof(PostgresLogOptions.LogName))]
    [InlineData("", "logkit", nameof(PostgresLogOptions.LogName))]
    public async Task An_invalid_name_is_refused_and_the_option_is_named(string log, string schema, string option)
    {
        var options = new PostgresLogOptions { ConnectionString = "Host=127.0.0.1;Port=1", LogName = log, SchemaName = schema };
        Assert.Equal(option, (await Assert.ThrowsAnyAsync<ArgumentException>(() => PostgresLog.OpenAsync(options))).ParamName);
    }

    [Fact]
    public async Task A_lone_surrogate_in_a_name_is_refused_and_the_option_is_named()
    {
        var options = new PostgresLogOptions { ConnectionString = "Host=127.0.0.1;Port=1", LogName = "half " + '\ud800' };
        Assert.Equal(
            nameof(PostgresLogOptions.LogName),
            (await Assert.ThrowsAsync<ArgumentException>(() => PostgresLog.OpenAsync(options))).ParamName);
    }

    [Fact]
    public void A_statement_sends_a_copy_of_the_caller_s_bytes()
    {
        var bytes = RecordBatch.OfText("before").Encoded.ToArray();
        var group = new AppendGroup();
        group.Add(new QueuedAppend(RecordBatch.Decode(bytes), expectedOffset: null));
        var payloads = new AppendPayloads();
        payloads.Fill(group);
        var sent = payloads.Payloads[0].ToArray();
        bytes.AsSpan().Fill(0xFF);
        Assert.Equal(sent, payloads.Payloads[0].ToArray());
    }

    [PostgresFact]
    public async Task A_database_of_version_1_is_upgraded_and_keeps_its_records()
    {
        await PostgresCluster.Shared.ExecuteAsync(
            (await File.ReadAllTextAsync(Repository.PathOf("Log.Tests/Postgres/golden/schema-v1.sql"))).Replace(
                "the_schema", _schema, StringComparison.Ordinal));
        await PostgresCluster.Shared.ExecuteAsync($"insert into {_schema}.logs (name, start_offset, next_offset) values ('log', 0, 0)");
        await AppendAsVersion1Async("old");

        await using var log = await OpenAsync();
        Assert.Equal(1ul, await log.AppendBatchAsync(RecordBatch.OfText("new")));
        await AppendAsVersion1Async("old again"); // a server of version 1 is still running
        Assert.Equal(3ul, await log.AppendBatchAsync(RecordBatch.OfText("conditional"), expectedOffset: 3));
        Assert.Equal(["old", "new", "old again", "conditional"], await log.ReadAllTextAsync());
        Assert.Equal(4, (await log.ReadBatchesAsync(0, 1000)).Count);
        await using var reopened = await OpenAsync();
        Assert.Equal(new LogRange(0, 4), await reopened.GetRangeAsync());

        Task AppendAsVersion1Async(string text)
        {
            var batch = RecordBatch.OfText(text);
            var payload = Convert.ToHexString(batch.Encoded.Span);
            var checksum = LogKit.Postgres.Storage.BatchChecksum.Of(1, batch.Encoded.Span);
            return PostgresCluster.Shared.ExecuteAsync(
                $"select {_schema}.append((select id from {_schema}.logs), gen_random_uuid(), array[null]::bigint[], array[1], "
                    + $"array[{checksum}], array['\\x{payload}'::bytea])");
        }
    }

    private Task<PostgresLog> OpenAsync(Func<PostgresLogOptions, PostgresLogOptions>? change = null)
    {
        var options = new PostgresLogOptions
        {
            ConnectionString = PostgresCluster.Shared.ConnectionString,
            SchemaName = _schema,
            PollIntervalMs = 100,
        };
        return PostgresLog.OpenAsync(change?.Invoke(options) ?? options);
    }
}
