using Npgsql;

namespace LogKit.Postgres.Appends;

/// <summary>
/// The server process of a connection, which may continue, and commit, after the connection is lost. Its start time distinguishes it from a
/// later process with the same ID.
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
    /// Terminates the process, and returns whether it is gone, so that its transaction is over. A process that waits for a standby to
    /// confirm its commit is left alone, because terminating it would make the commit visible without the confirmation.
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
