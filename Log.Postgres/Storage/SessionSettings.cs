using System.Globalization;
using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>
/// What the log relies on in every session. Each session sets it by itself, because a role, a database, a connection string and an
/// environment variable can all have other defaults.
/// </summary>
/// <remarks>
/// <c>default_transaction_read_only</c> is not among them: it is how an operator makes a database read-only, and no setting of ours
/// should undo that. What values look like as text (<c>bytea_output</c>, <c>DateStyle</c>, <c>TimeZone</c>) does not matter, since all
/// of them are sent in binary.
/// </remarks>
internal static class SessionSettings
{
    private static readonly (string Name, string Value)[] Fixed =
    [
        ("client_min_messages", "warning"), // a commit that was canceled while it waited for a standby says so in a warning: see Commit
        ("default_transaction_isolation", "read committed"), // under any other, concurrent appends fail instead of waiting in turn
        ("default_transaction_deferrable", "off"),
        ("idle_in_transaction_session_timeout", "0"),
        ("idle_session_timeout", "0"), // since version 14: the connection that listens is idle for long
        ("transaction_timeout", "0"), // since version 17: would also end a commit that waits for a standby
        ("exit_on_error", "off"), // an error would end the session, and leave open what became of the statement
        ("standard_conforming_strings", "on"),
        ("row_security", "on"),
        ("jit", "off"), // compiling a statement takes longer than running it
    ];

    /// <summary>Sets up a session.</summary>
    /// <param name="connection">The connection, which has just been opened.</param>
    /// <param name="limit">
    /// How long a statement may wait for locks and run. Both end before the commit begins, so it is certain that nothing was stored. A
    /// time limit on locks alone would begin anew with each lock that a statement waits for.
    /// </param>
    public static async Task ApplyAsync(NpgsqlConnection connection, TimeSpan limit)
    {
        using var command = Command(connection, limit);
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// The same, for the synchronous way of opening a connection, which the log does not use and Npgsql wants to be given.
    /// </summary>
    public static void Apply(NpgsqlConnection connection, TimeSpan limit)
    {
        using var command = Command(connection, limit);
        command.ExecuteNonQuery();
    }

    // The search path comes first: with another, the names in the second statement could be somebody else's. Settings that the
    // server's version does not have are left out. A synchronous_commit that acknowledges what a crash can lose is raised; one that
    // waits for more is kept.
    private static NpgsqlCommand Command(NpgsqlConnection connection, TimeSpan limit)
    {
        var limitMs = ((long)limit.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        var settings = Fixed.Append(("lock_timeout", limitMs)).Append(("statement_timeout", limitMs));
        var values = string.Join(", ", settings.Select(setting => $"('{setting.Item1}', '{setting.Item2}')"));
        return new NpgsqlCommand(
            $"""
            set search_path = pg_catalog, pg_temp;
            select set_config(name, value, false) from (values {values}) as setting (name, value)
                where current_setting(name, true) is not null;
            select set_config('synchronous_commit', 'on', false)
                where current_setting('synchronous_commit') in ('off', 'local', 'remote_write')
            """,
            connection);
    }
}
