using System.Globalization;
using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>
/// The settings that the log relies on. Every session sets them, because a role, a database, a connection string, or an environment
/// variable can have other defaults.
/// </summary>
/// <remarks>
/// <c>default_transaction_read_only</c> is not among them, because operators use it to make a database read-only, which we must not undo.
/// Text
/// formats (<c>bytea_output</c>, <c>DateStyle</c>, <c>TimeZone</c>) do not matter, because all values are sent in binary.
/// </remarks>
internal static class SessionSettings
{
    private static readonly (string Name, string Value)[] Fixed =
    [
        // Delivers the warning about a commit that was canceled while it waited for a standby: see Commit.
        ("client_min_messages", "warning"),
        ("default_transaction_isolation", "read committed"), // with any other, concurrent appends fail instead of waiting
        ("default_transaction_deferrable", "off"),
        ("idle_in_transaction_session_timeout", "0"),
        ("idle_session_timeout", "0"), // since version 14; the listening connection is idle for long
        ("transaction_timeout", "0"), // since version 17; would also end a commit that waits for a standby
        ("exit_on_error", "off"), // an error would end the session and leave the outcome of the statement unknown
        ("standard_conforming_strings", "on"),
        ("row_security", "on"),
        ("jit", "off"), // compiling a statement takes longer than running it
    ];

    /// <summary>Sets up a session.</summary>
    /// <param name="connection">The connection, which has just been opened.</param>
    /// <param name="limit">
    /// How long a statement may run, including waits for locks. Both limits apply before the commit begins, so if they expire, nothing was
    /// stored. A limit on locks alone would start over with each lock.
    /// </param>
    public static async Task ApplyAsync(NpgsqlConnection connection, TimeSpan limit)
    {
        using var command = Command(connection, limit);
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// The same for synchronous opening, which the log does not use but Npgsql requires.
    /// </summary>
    public static void Apply(NpgsqlConnection connection, TimeSpan limit)
    {
        using var command = Command(connection, limit);
        command.ExecuteNonQuery();
    }

    // Sets the search path first, so that the names in the second statement are those of the system. Skips settings that the version of the
    // server lacks. Raises a synchronous_commit under which a crash can lose acknowledged commits, and keeps a stronger one.
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
