using System.Text;
using LogKit.Postgres;
using LogKit.Postgres.Storage;
using LogKit.Testing;
using LogKit.Tests.Support;
using Npgsql;

namespace LogKit.Tests.Postgres;

/// <summary>The log on PostgreSQL beyond the conformance suite: lost answers, several servers, and unavailable databases.</summary>
public sealed class PostgresLogTests
{
    /// <summary>A part of the records that the tests append, which identifies the requests that carry them.</summary>
    private const string Marker = "marked";

    private readonly string _schema = $"tests_{Guid.NewGuid():N}";

    [PostgresFact]
    public async Task An_answer_lost_after_the_commit_is_recovered_and_nothing_is_stored_twice()
    {
        await using var proxy = new NetworkProxy(PostgresCluster.Shared.Port);
        await using var log = await OpenAsync(proxy);
        await log.AppendBatchAsync(RecordBatch.OfText("before"));
        var lost = 0;
        for (var i = 0; i < 10; i++)
        {
            var isSent = false;
            proxy.Script = (direction, bytes) =>
            {
                if (direction is ProxyDirection.ToServer)
                {
                    isSent |= bytes.Span.IndexOf(Encoding.ASCII.GetBytes(Marker)) >= 0;
                    return ProxyAction.Forward;
                }

                return isSent && Interlocked.Increment(ref lost) > 0 && !(isSent = false) ? ProxyAction.CutBefore : ProxyAction.Forward;
            };
            var appends = Enumerable
                .Range(0, 3)
                .Select(n => log.AppendBatchAsync(RecordBatch.OfText($"{Marker} {i} {n}")).AsTask())
                .ToList();
            var offsets = await Task.WhenAll(appends).Within("appends whose answer is lost");
            Assert.Equal([.. Enumerable.Range(1 + (3 * i), 3).Select(offset => (ulong)offset)], offsets);
        }

        Assert.True(lost >= 10, $"{lost} answers were lost: expected one for each append at least");
        Assert.Equal(["before", .. Enumerable.Range(0, 30).Select(i => $"{Marker} {i / 3} {i % 3}")], await log.ReadAllTextAsync());
    }

    [PostgresFact]
    public async Task A_connection_lost_at_any_moment_of_an_append_neither_loses_nor_duplicates_it()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        await using var proxy = new NetworkProxy(PostgresCluster.Shared.Port);
        await using var log = await OpenAsync(proxy);
        var expected = new List<string>();
        for (var i = 0; i < 40; i++)
        {
            var text = $"{Marker} {i}";
            var append = log.AppendBatchAsync(RecordBatch.OfText(text), expectedOffset: random.Next(2) == 0 ? (ulong)i : null).AsTask();
            for (var turns = random.Next(200); turns > 0; turns--)
                await Task.Yield();
            proxy.CutConnections();
            Assert.True(await append.Within($"append {i}, whose connection is cut, seed {seed}") == (ulong)i, $"append {i}, seed {seed}");
            expected.Add(text);
        }

        Assert.Equal(expected, await log.ReadAllTextAsync());
    }

    [PostgresFact]
    public async Task A_statement_that_still_runs_when_its_connection_is_lost_is_terminated_before_it_is_resent()
    {
        await using var proxy = new NetworkProxy(PostgresCluster.Shared.Port);
        await using var log = await OpenAsync(proxy);
        await log.AppendBatchAsync(RecordBatch.OfText("before"));

        // Another session holds a lock on the row, so the statement waits for it, and would complete later.
        await using var other = await OpenOtherAsync();
        await using var transaction = await TakeRowAsync(other);
        var sent = new TaskCompletionSource();
        proxy.Script = (direction, bytes) =>
            direction is ProxyDirection.ToServer && bytes.Span.IndexOf(Encoding.ASCII.GetBytes(Marker)) >= 0 && sent.TrySetResult()
                ? ProxyAction.CutAfter : ProxyAction.Forward;
        var append = log.AppendBatchAsync(RecordBatch.OfText(Marker)).AsTask();
        await sent.Task.Within("the statement to be sent");
        await Poll.UntilAsync(
            async () =>
                await PostgresCluster.Shared.ExecuteAsync(
                    $"select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%{_schema}%' and pid <> "
                        + "pg_backend_pid()")
                    is 0L,
            "the log to end the statement");
        await transaction.RollbackAsync();
        Assert.Equal(1ul, await append.Within("the append"));
        Assert.Equal(["before", Marker], await log.ReadAllTextAsync());
    }

    [PostgresFact]
    public async Task An_append_whose_outcome_cannot_be_queried_reports_an_unknown_outcome()
    {
        await using var proxy = new NetworkProxy(PostgresCluster.Shared.Port);
        await using var log = await OpenAsync(proxy, options => options with { OutcomeUnknownAfterMs = 100 });
        await log.AppendBatchAsync(RecordBatch.OfText("before"));

        // Another session holds a lock on the row. Otherwise, a fast server could answer before the connection is cut.
        await using var other = await OpenOtherAsync();
        await using var transaction = await TakeRowAsync(other);
        proxy.Script = (direction, bytes) =>
        {
            if (direction is not ProxyDirection.ToServer || bytes.Span.IndexOf(Encoding.ASCII.GetBytes(Marker)) < 0)
                return ProxyAction.Forward;
            proxy.Disconnect();
            return ProxyAction.CutAfter;
        };
        await Assert.ThrowsAsync<AppendOutcomeUnknownException>(() =>
            log.AppendBatchAsync(RecordBatch.OfText(Marker)).AsTask().Within("the append"));
    }

    private static async Task<NpgsqlConnection> OpenOtherAsync()
    {
        var connection = new NpgsqlConnection(PostgresCluster.Shared.ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    private async Task<NpgsqlTransaction> TakeRowAsync(NpgsqlConnection connection)
    {
        var transaction = await connection.BeginTransactionAsync();
        await using var take = new NpgsqlCommand($"select from {_schema}.logs for update", connection);
        await take.ExecuteNonQueryAsync();
        return transaction;
    }

    [PostgresFact]
    public async Task Appends_through_several_servers_are_dense_and_none_is_lost_or_duplicated()
    {
        const int Servers = 4;
        const int Appends = 100;
        var logs = await Task.WhenAll(Enumerable.Range(0, Servers).Select(_ => OpenAsync())); // each creates the schema
        var appends = await Task.WhenAll(
                from server in Enumerable.Range(0, Servers)
                from i in Enumerable.Range(0, Appends)
                select AppendAsync($"{server} {i}", logs[server]))
            .Within("all appends");
        Assert.Equal(Enumerable.Range(0, Servers * Appends).Select(i => 2ul * (ulong)i), appends.Select(append => append.Offset).Order());
        Assert.Equal(
            appends.OrderBy(append => append.Offset).SelectMany(append => new[] { append.Text, "second" }),
            await logs[0].ReadAllTextAsync());
        foreach (var log in logs)
            await log.DisposeAsync();

        static async Task<(ulong Offset, string Text)> AppendAsync(string text, PostgresLog log) =>
            (await log.AppendBatchAsync(RecordBatch.OfText(text, "second")), text);
    }

    [PostgresFact]
    public async Task A_waiter_is_woken_even_if_the_notification_is_lost()
    {
        await using var log = await OpenAsync(change: options => options with { PollIntervalMs = 20 });
        await log.AppendBatchAsync(RecordBatch.OfText("first"));
        var wait = log.WaitForAppendAsync(1).AsTask();
        Assert.False(wait.IsCompleted);
        await PostgresCluster.Shared.ExecuteAsync(
            $"select {_schema}.append((select id from {_schema}.logs), gen_random_uuid(), array[null::bigint], array[1], array[0], "
                + "array[''::bytea])");
        await wait.Within("the poll to see an append that nobody told of");
    }

    [PostgresFact]
    public async Task A_database_that_crashes_loses_nothing_and_is_used_again_when_it_is_back()
    {
        using var cluster = new PostgresCluster();
        await using var log = await OpenAsync(port: cluster.Port);
        await log.AppendBatchAsync(RecordBatch.OfText("before"));
        var wait = log.WaitForAppendAsync(1).AsTask();
        cluster.Stop();
        await Assert.ThrowsAsync<LogUnavailableException>(() =>
            log.GetRangeAsync().AsTask().Within("the range of a log whose database is away"));
        await Assert.ThrowsAsync<LogUnavailableException>(() => log.ReadBatchAsync(0).AsTask().Within("a read"));
        cluster.Start();
        Assert.Equal(1ul, await log.AppendBatchAsync(RecordBatch.OfText("after")).AsTask().Within("an append once it is back"));
        await wait.Within("the wait");
        Assert.Equal(["before", "after"], await log.ReadAllTextAsync());
    }

    [PostgresFact]
    public async Task A_broken_connection_is_replaced_and_a_bug_is_not_mistaken_for_one()
    {
        await using var database = new Database(new PostgresLogOptions { ConnectionString = PostgresCluster.Shared.ConnectionString });
        var tries = 0;
        var answer = await database.RunAsync(
            async connection =>
            {
                if (++tries == 1)
                    await connection.CloseAsync();
                await using var query = new NpgsqlCommand("select 1", connection);
                return await query.ExecuteScalarAsync();
            },
            CancellationToken.None);
        Assert.Equal((1, 2), (answer, tries));

        tries = 0;
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.RunAsync<int>(
            _ =>
            {
                tries++;
                throw new InvalidOperationException("a mistake");
            },
            CancellationToken.None));
        Assert.Equal(1, tries);
    }

    [PostgresFact]
    public async Task When_a_server_becomes_read_only_the_log_continues_on_the_writable_one()
    {
        using var cluster = await ReplicatedCluster.StartAsync();
        await using var log = await PostgresLog.OpenAsync(new PostgresLogOptions { ConnectionString = cluster.ConnectionString });
        await log.AppendBatchAsync(RecordBatch.OfText("before"));
        await cluster.ExecuteAsync("alter system set default_transaction_read_only = on");
        await cluster.ExecuteAsync("select pg_reload_conf()");
        await Poll.UntilAsync(
            async () => await cluster.ExecuteAsync("show default_transaction_read_only") is "on", "the server to take no writes");

        var append = log.AppendBatchAsync(RecordBatch.OfText("after")).AsTask();
        await Poll.UntilAsync(() => Task.FromResult(cluster.HasSaid("in a read-only transaction")), "the append to be refused");
        Assert.False(append.IsCompleted);
        cluster.PromoteStandby();
        Assert.Equal(1ul, await append.Within("the append"));
        Assert.Equal(["before", "after"], await log.ReadAllTextAsync());
    }

    public static TheoryData<string, string, string> WrongConnections => new()
    {
        { "Password", "wrong", "the database refuses the password of user \"postgres\"" },
        { "Username", "nobody_of_that_name", "the database refuses the password of user \"nobody_of_that_name\"" },
        { "Database", "missing", "there is no database \"missing\"" },
    };

    [PostgresTheory]
    [MemberData(nameof(WrongConnections))]
    public async Task A_permanent_error_is_one_line_and_shows_no_password(string setting, string value, string message)
    {
        var connection = new NpgsqlConnectionStringBuilder(PostgresCluster.Shared.ConnectionString) { [setting] = value };
        var exception = await Assert.ThrowsAsync<PostgresLogOpenException>(
            () => PostgresLog.OpenAsync(new PostgresLogOptions { ConnectionString = connection.ConnectionString, SchemaName = _schema }));
        Assert.Equal(message, exception.Message);
        Assert.DoesNotContain(PostgresCluster.Password, exception.ToString(), StringComparison.Ordinal);
    }

    [PostgresFact]
    public async Task An_error_about_missing_privileges_names_them()
    {
        await PostgresCluster.Shared.ExecuteAsync($"create role {_schema} login password 'p'");
        var connection = new NpgsqlConnectionStringBuilder(PostgresCluster.Shared.ConnectionString) { Username = _schema, Password = "p" };
        var exception = await Assert.ThrowsAsync<PostgresLogOpenException>(
            () => PostgresLog.OpenAsync(new PostgresLogOptions { ConnectionString = connection.ConnectionString, SchemaName = _schema }));
        Assert.Equal(
            $"user \"{_schema}\" lacks a right that schema \"{_schema}\" of database \"postgres\" takes: permission denied for database "
                + "postgres",
            exception.Message);
    }

    [PostgresFact]
    public async Task A_weak_setting_of_the_database_is_reported()
    {
        await using var sound = await OpenAsync();
        Assert.Empty(sound.Report.Warnings);
        await using var weak = await OpenAsync(
            change: options => options with { ConnectionString = options.ConnectionString + ";Options=-c synchronous_commit=off" });
        Assert.Equal(
            "the database's setting synchronous_commit is off: a crash of the database can lose acknowledged records; this log's own "
                + "commits use \"on\" instead",
            Assert.Single(weak.Report.Warnings));
    }

    [PostgresFact]
    public async Task A_commit_that_does_not_wait_for_the_synchronous_standbys_is_reported()
    {
        using var cluster = new PostgresCluster();
        await using (var alone = await OpenAsync(port: cluster.Port, change: Commits("local")))
            Assert.Empty(alone.Report.Warnings);

        await cluster.ExecuteAsync("alter system set synchronous_standby_names = 'standby'");
        await cluster.ExecuteAsync("select pg_reload_conf()");
        await Poll.UntilAsync(async () => await cluster.ExecuteAsync("show synchronous_standby_names") is "standby", "the setting");
        await using var local = await OpenAsync(port: cluster.Port, change: Commits("local"));
        Assert.Equal(
            "the database's setting synchronous_commit is local: a failover can lose acknowledged records, although there are synchronous "
                + "standbys; this log's own commits use \"on\" instead",
            Assert.Single(local.Report.Warnings));
        await using var written = await OpenAsync(port: cluster.Port, change: Commits("remote_write"));
        Assert.Equal(
            "the database's setting synchronous_commit is remote_write: a failover to a standby whose system has crashed can lose "
                + "acknowledged records; this log's own commits use \"on\" instead",
            Assert.Single(written.Report.Warnings));
        await using var sound = await OpenAsync(port: cluster.Port, change: Commits("on"));
        Assert.Empty(sound.Report.Warnings);

        static Func<PostgresLogOptions, PostgresLogOptions> Commits(string value) => options => options with
        {
            ConnectionString = options.ConnectionString + $";Options=-c synchronous_commit={value}",
            UnavailableAfterMs = 5000,
        };
    }

    [PostgresFact]
    public async Task A_server_that_is_too_old_is_reported_without_further_effects()
    {
        await using var proxy = OldServer.Start();
        var exception = await Assert.ThrowsAsync<PostgresLogOpenException>(() => OpenAsync(proxy));
        Assert.Matches(@"^the database server is PostgreSQL 12\.[0-9.]+: the oldest supported version is 13$", exception.Message);
        Assert.Equal(0L, await PostgresCluster.Shared.ExecuteAsync($"select count(*) from pg_namespace where nspname = '{_schema}'"));
    }

    [PostgresFact]
    public async Task Retention_by_age_uses_the_clock_of_the_database()
    {
        const int LimitMs = 3_600_000;
        await using (var log = await OpenAsync())
        {
            for (var i = 0; i < 5; i++)
                await log.AppendBatchAsync(RecordBatch.OfText($"{i}", "second"));
        }

        // The third batch is old enough, and the fourth is not.
        await PostgresCluster.Shared.ExecuteAsync(
            $"update {_schema}.batches set appended_at = clock_timestamp() - (case when first_offset < 6 then '61 min' else '59 min' "
                + "end)::interval where first_offset < 8");
        await using var limited = await OpenAsync(change: options => options with { RetentionLimitMs = LimitMs });
        await Poll.UntilAsync(async () => (await limited.GetRangeAsync()).StartOffset != 0, "retention");
        Assert.Equal(new LogRange(6, 10), await limited.GetRangeAsync());
        await Poll.UntilAsync(
            async () => await PostgresCluster.Shared.ExecuteAsync($"select count(*) from {_schema}.batches") is 2L,
            "the rows to be deleted");
        Assert.Equal(["3", "second", "4", "second"], await limited.ReadAllTextAsync());
    }

    [PostgresFact]
    public async Task Retention_by_bytes_keeps_whole_batches_and_deletes_the_rows_before()
    {
        await using (var log = await OpenAsync())
        {
            for (var i = 0; i < 10; i++)
                await log.AppendBatchAsync(new RecordBatch(new Record(new byte[100]), new Record(new byte[100])));
        }

        var size = new RecordBatch(new Record(new byte[100]), new Record(new byte[100])).SizeBytes;
        await using var limited = await OpenAsync(change: options => options with { RetentionLimitBytes = (3 * size) + 1 });
        await Poll.UntilAsync(async () => (await limited.GetRangeAsync()).StartOffset == 14, "retention");
        Assert.True((await Assert.ThrowsAsync<OffsetOutOfRangeException>(() => limited.ReadBatchAsync(13).AsTask())).IsTruncated);
        Assert.Equal(2, (await limited.ReadBatchAsync(14)).Count);
        await Poll.UntilAsync(
            async () => await PostgresCluster.Shared.ExecuteAsync($"select count(*) from {_schema}.batches") is 3L,
            "the rows to be deleted");
    }

    private Task<PostgresLog> OpenAsync(
        NetworkProxy? proxy = null, Func<PostgresLogOptions, PostgresLogOptions>? change = null, int? port = null)
    {
        var options = new PostgresLogOptions
        {
            ConnectionString = PostgresCluster.ConnectionStringAt(port ?? proxy?.Port ?? PostgresCluster.Shared.Port),
            SchemaName = _schema,
            UnavailableAfterMs = port is null ? 5000 : 2000,
        };
        return PostgresLog.OpenAsync(change?.Invoke(options) ?? options);
    }
}
