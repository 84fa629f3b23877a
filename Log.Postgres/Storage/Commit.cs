using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>Runs a statement whose commit must be durable on the synchronous standbys, or counts as failed.</summary>
/// <remarks>
/// If a commit that waits for a standby is canceled, it becomes visible and counts as successful, although it is on one machine only. So we
/// never cancel such a statement (see <see cref="Database"/>). If someone else does, the server sends a warning, in some language;
/// <see cref="SessionSettings"/> ensures that it arrives.
/// </remarks>
internal static class Commit
{
    // The function in the server that waits. The warning contains its name in every language.
    private const string Wait = "SyncRepWaitForLSN";

    /// <exception cref="NpgsqlException">The statement failed, or the commit was canceled while it waited for a standby.</exception>
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
