using System.Diagnostics;
using LogKit.Postgres.Storage;
using Npgsql;

namespace LogKit.Postgres.Appends;

/// <summary>
/// Finds out what happened to a group whose answer was lost. First terminates the server process of the lost connection, and checks that it
/// is gone, so that it can no longer commit. Then reads the rows of the log. Nothing is guessed, and no lock is taken that others wait for.
/// </summary>
/// <remarks>
/// <para>After a failover, the new primary is queried. It does not have the process of the lost connection, which need not be terminated
/// either: the
/// new primary has what reached it before its promotion, and will never receive more, whatever the old primary may still commit. So if the
/// rows do not contain the group now, they never will, and the group may be sent again. Any failover must ensure that the old primary does
/// not return as a primary with commits that the new one lacks.</para> <para>The answer of a standby is never used, because it may yet
/// receive what it does not have.</para>
/// </remarks>
internal sealed class LostAnswer(LogTable table, TimeSpan unavailableAfter, TimeSpan unknownAfter)
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(20);

    /// <summary>Finds the offset of the first stored append of a group. Returns null if none is stored, nor ever will be.</summary>
    /// <param name="group">The group that was sent.</param>
    /// <param name="session">The session it was sent to.</param>
    /// <param name="nextOffset">A next offset of the log from before it was sent.</param>
    /// <param name="cause">The failure that lost the answer.</param>
    /// <param name="giveUp">Cancels the search.</param>
    /// <exception cref="AppendOutcomeUnknownException">The database was unavailable for too long.</exception>
    /// <exception cref="LogUnavailableException">The log does not exist, and nothing of the group is stored.</exception>
    public async Task<ulong?> FindAsync(
        AppendGroup group, ServerSession session, ulong nextOffset, Exception cause, CancellationToken giveUp)
    {
        var start = Stopwatch.GetTimestamp();
        while (unknownAfter - Stopwatch.GetElapsedTime(start) is var left && left > TimeSpan.Zero && !giveUp.IsCancellationRequested)
        {
            // Several attempts: a connection may get no answer, and the next one may find another primary.
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(giveUp);
            limit.CancelAfter(left < unavailableAfter ? left : unavailableAfter);
            try
            {
                var (first, range) = await table
                    .Database.UseAsync(connection => AskAsync(connection, limit.Token), limit.Token)
                    .ConfigureAwait(false);
                if (first is null && (nextOffset < range.StartOffset || nextOffset > range.NextOffset))
                    // It may have been stored and truncated since, or the database may have lost data.
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
