using System.Diagnostics;
using LogKit.Postgres.Storage;

namespace LogKit.Postgres.Appends;

/// <summary>
/// Finds out what became of a group whose answer was lost. First the server's end of the lost connection is ended, and seen to be
/// gone, so that nothing more can come of it; then the log's rows tell. Nothing is guessed, and nothing is written.
/// </summary>
internal sealed class LostAnswer(LogTable table, TimeSpan unknownAfter)
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(20);

    /// <summary>Where the first of the group that is stored is; null where none of it is, nor ever will be.</summary>
    /// <param name="group">What was sent.</param>
    /// <param name="session">Where it was sent to.</param>
    /// <param name="nextOffset">An end of the log from before it was sent.</param>
    /// <param name="cause">How the answer was lost.</param>
    /// <exception cref="AppendOutcomeUnknownException">The database stayed away for too long.</exception>
    public async Task<ulong?> FindAsync(AppendGroup group, ServerSession session, ulong nextOffset, Exception cause)
    {
        using var limit = new CancellationTokenSource(unknownAfter);
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < unknownAfter)
        {
            try
            {
                var connection = await table.Database.ConnectAsync(limit.Token).ConfigureAwait(false);
                await using var closing = connection.ConfigureAwait(false);
                while (!await session.EndAsync(connection, limit.Token).ConfigureAwait(false))
                    await Task.Delay(RetryDelay, limit.Token).ConfigureAwait(false);
                var (first, startOffset) = await table.FindAppendAsync(connection, group.Id, nextOffset, limit.Token).ConfigureAwait(false);
                if (first is null && startOffset > nextOffset)
                    break; // it may have been stored, and truncated away since
                return first;
            }
            catch (Exception exception)
            {
                table.Database.Forget(exception);
                await Task.Delay(RetryDelay, CancellationToken.None).ConfigureAwait(false);
            }
        }

        throw new AppendOutcomeUnknownException(cause);
    }
}
