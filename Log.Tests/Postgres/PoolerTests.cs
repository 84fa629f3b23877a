using LogKit.Postgres;
using LogKit.Tests.Support;
using Npgsql;

namespace LogKit.Tests.Postgres;

/// <summary>
/// A pooler in front of the database. The log works if the pooler assigns a session to each connection; otherwise, the pooler is reported
/// and refused.
/// </summary>
public sealed class PoolerTests
{
    private const string Shared =
        "the connection goes through a pooler that shares sessions between transactions, such as PgBouncer with pool_mode=transaction: "
        + "connect to PostgreSQL directly, or set pool_mode=session for this database";

    [PgBouncerTheory]
    [InlineData("transaction", 20)]
    [InlineData("transaction", 1)]
    [InlineData("statement", 20)]
    public async Task A_pooler_that_shares_sessions_is_reported(string mode, int poolSize)
    {
        using var pooler = await PgBouncer.StartAsync(PostgresCluster.Shared, $"pool_mode = {mode}\ndefault_pool_size = {poolSize}");
        var refused = await Assert.ThrowsAsync<PostgresLogOpenException>(() =>
            OpenAsync(pooler, "pooled_" + mode + poolSize).Within("the log to be refused"));
        Assert.Equal(Shared, refused.Message);
    }

    [PgBouncerFact]
    public async Task The_log_works_through_a_pooler_with_dedicated_sessions_and_recovers_lost_answers()
    {
        using var pooler = await PgBouncer.StartAsync(PostgresCluster.Shared, "pool_mode = session");
        await using var log = await OpenAsync(pooler, "pooled_session").Within("the log to be opened");
        var waiting = log.WaitForAppendAsync(0).AsTask();
        var appends = Enumerable.Range(0, 200).Select(i => log.AppendBatchAsync(RecordBatch.OfText($"{i}")).AsTask()).ToList();
        await Task.WhenAll(appends).Within("the appends");
        await waiting.Within("the wait");
        Assert.Equal(Enumerable.Range(0, 200).Select(i => (ulong)i), appends.Select(append => append.Result).Order());

        // Sessions that the database terminates are replaced, and an append that was pending in one of them is stored once.
        for (var i = 0; i < 20; i++)
        {
            var text = $"beside an end of the sessions {i}";
            var append = log.AppendBatchAsync(RecordBatch.OfText(text)).AsTask();
            await PostgresCluster.Shared.ExecuteAsync(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid() and application_name like "
                    + "'logkit%pooled%'");
            var offset = await append.Within("an append whose session may be ended");
            Assert.Equal(text, (await log.ReadAllTextAsync())[(int)offset]);
        }

        var texts = await log.ReadAllTextAsync();
        Assert.Equal(texts.Count, texts.Distinct().Count());
    }

    private static Task<PostgresLog> OpenAsync(PgBouncer pooler, string schema) =>
        PostgresLog.OpenAsync(
            new PostgresLogOptions
            {
                ConnectionString = new NpgsqlConnectionStringBuilder(pooler.ConnectionString)
                {
                    ApplicationName = $"logkit {schema}",
                }.ConnectionString,
                SchemaName = schema,
            });
}
