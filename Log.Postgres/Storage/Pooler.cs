using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>
/// Detects a pooler that assigns each transaction to any free session. Settings, prepared statements, and LISTEN belong to a session, and a
/// lost answer is resolved by terminating the session, so the log cannot work through such a pooler.
/// </summary>
internal static class Pooler
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    /// <param name="database">Opens further connections.</param>
    /// <param name="connection">A connection.</param>
    /// <param name="limit">How long an answer may take.</param>
    public static async Task<bool> SharesSessionsAsync(Database database, NpgsqlConnection connection, TimeSpan limit)
    {
        var session = await SessionOfAsync(connection).ConfigureAwait(false);
        if (session == connection.ProcessID)
            return false; // there is none, or one that keeps sessions

        // Another connection uses a session for a transaction. If it is the same one, or if this connection then gets another: shared.
        using var time = new CancellationTokenSource(limit < Limit ? limit : Limit);
        try
        {
            var other = await database.ConnectAsync(time.Token).ConfigureAwait(false);
            await using var closing = other.ConfigureAwait(false);
            var transaction = await other.BeginTransactionAsync().ConfigureAwait(false);
            await using var ending = transaction.ConfigureAwait(false);
            return await SessionOfAsync(other).ConfigureAwait(false) == session
                || await SessionOfAsync(connection).ConfigureAwait(false) != session;
        }
        catch (OperationCanceledException)
        {
            return false; // the pooler has no free session, because it keeps the one of this connection
        }
    }

    private static async Task<int> SessionOfAsync(NpgsqlConnection connection)
    {
        using var query = new NpgsqlCommand("select pg_backend_pid()", connection);
        return await query.ExecuteScalarAsync().ConfigureAwait(false) is int session ? session : 0;
    }
}
