using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>A statement whose commit is to be as durable as the database makes it, or is not to be believed.</summary>
/// <remarks>
/// A commit that waits for a standby and is canceled waits no more, shows to all readers, and counts as done, on one
/// machine. So such a statement is not canceled from here (see <see cref="Database"/>). If somebody else cancels it, the server warns, in
/// whatever language, and <see cref="SessionSettings"/> sees to it that the warning arrives.
/// </remarks>
internal static class Commit
{
    // The function in the server that waits, which the server names in whatever language it warns.
    private const string Wait = "SyncRepWaitForLSN";

    /// <exception cref="NpgsqlException">Among others: the commit was canceled while it waited for a standby.</exception>
    public static async Task<T> RunAsync<T>(NpgsqlCommand command, Func<NpgsqlCommand, Task<T>> execute)
    {
        var connection = command.Connection!;
        string? warning = null;
        connection.Notice += Note;
        try
        {
            var result = await execute(command).ConfigureAwait(false);
            return warning is null ? result : throw new NpgsqlException(warning);
        }
        finally
        {
            connection.Notice -= Note;
        }

        void Note(object sender, NpgsqlNoticeEventArgs arguments)
        {
            if (arguments.Notice is { Routine: Wait } notice)
                warning = notice.MessageText;
        }
    }
}
