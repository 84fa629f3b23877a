using System.Diagnostics;
using LogKit.Postgres.Storage;
using Npgsql;

namespace LogKit.Postgres.Appends;

/// <summary>
/// Finds out what became of a group whose answer was lost. First the server's end of the lost connection is ended, and seen to be
/// gone, so that nothing more can come of it; then the log's rows tell. Nothing is guessed, and no lock is taken that others wait for.
/// </summary>
/// <remarks>
/// <para>After a failover the new primary is asked. The lost connection's process is none of its own, so there is none to end; and it
/// need not be ended. What the new primary has of the old one is what had reached it before it was promoted, and it never gets more:
/// what its rows do not tell now they will never tell, whatever the old one may still commit to itself. So the group may be sent again.
/// That the old primary does not come back as a primary, with commits that the new one lacks, is what any failover must see to.</para>
/// <para>A standby is never believed, since it may yet get what it does not have.</para>
/// </remarks>
internal sealed class LostAnswer(LogTable table, TimeSpan unavailableAfter, TimeSpan unknownAfter)
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(20);

    /// <summary>Where the first of the group that is stored is; null if none of it is, nor ever will be.</summary>
    /// <param name="group">What was sent.</param>
    /// <param name="session">Where it was sent to.</param>
    /// <param name="nextOffset">An end of the log from before it was sent.</param>
    /// <param name="cause">How the answer was lost.</param>
    /// <param name="giveUp">Ends the search.</param>
    /// <exception cref="AppendOutcomeUnknownException">The database stayed away for too long.</exception>
    /// <exception cref="LogUnavailableException">The log is missing, and nothing of the group is stored.</exception>
    public async Task<ulong?> FindAsync(
        AppendGroup group, ServerSession session, ulong nextOffset, Exception cause, CancellationToken giveUp)
    {
        var start = Stopwatch.GetTimestamp();
        while (unknownAfter - Stopwatch.GetElapsedTime(start) is var left && left > TimeSpan.Zero && !giveUp.IsCancellationRequested)
        {
            // One try is not all: a connection may stay without an answer, and the next find another primary.
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(giveUp);
            limit.CancelAfter(left < unavailableAfter ? left : unavailableAfter);
            try
            {
                var (first, range) = await table
                    .Database.UseAsync(connection => AskAsync(connection, limit.Token), limit.Token)
                    .ConfigureAwait(false);
                if (first is null && (nextOffset < range.StartOffset || nextOffset > range.NextOffset))
                    // It may have been stored, and truncated away since; or the database has lost what it had, and it is no longer where it
                    // was.
                    break;
                return first;
            }
            catch (Exception exception) when (exception is not LogException)
            {
                table.Database.Forget(exception);
                await Task.Delay(RetryDelay, giveUp).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        throw new AppendOutcomeUnknownException(cause);

        async Task<(ulong? First, LogRange Range)> AskAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        {
            while (!await session.EndAsync(connection).ConfigureAwait(false))
                await Task.Delay(RetryDelay, cancellationToken).ConfigureAwait(false);
            return await table.FindAppendAsync(connection, group.Id).ConfigureAwait(false);
        }
    }
}
