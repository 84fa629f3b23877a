using Npgsql;

namespace LogKit.Postgres.Appends;

/// <summary>
/// The server's end of a connection: a process, which may live on, and commit, after the connection is lost. Its start tells it
/// from another that got its number later.
/// </summary>
internal sealed record ServerSession(int ProcessId, DateTime Start)
{
    public static async Task<ServerSession> OfAsync(NpgsqlConnection connection)
    {
        using var query = new NpgsqlCommand("select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()", connection);
        var reader = await query.ExecuteReaderAsync().ConfigureAwait(false);
        await using var closing = reader.ConfigureAwait(false);
        await reader.ReadAsync().ConfigureAwait(false);
        return new ServerSession(reader.GetInt32(0), reader.GetDateTime(1));
    }

    /// <summary>
    /// Tells it to end, and whether it has: then its transaction is over. One that waits for a standby to confirm its commit is left
    /// to it, for its commit would show without that.
    /// </summary>
    public async Task<bool> EndAsync(NpgsqlConnection connection)
    {
        using var end = new NpgsqlCommand(
            """
            select case when wait_event is distinct from 'SyncRep' then pg_terminate_backend(pid) end
            from pg_stat_activity where pid = $1 and backend_start = $2
            """,
            connection);
        end.Parameters.Add(new NpgsqlParameter<int> { TypedValue = ProcessId });
        end.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = Start });
        var reader = await end.ExecuteReaderAsync().ConfigureAwait(false);
        await using var closing = reader.ConfigureAwait(false);
        return !await reader.ReadAsync().ConfigureAwait(false);
    }
}
