using System.Runtime.CompilerServices;
using LogKit.Client.Connecting;

namespace LogKit.Client;

/// <summary>
/// Reads a log forever, over as many calls as it takes. When a call is lost, the next one starts at the first offset that has not been
/// yielded, so interruptions cause neither gaps nor duplicates. An error of the log ends the enumeration; nothing is skipped.
/// </summary>
internal static class LogTail
{
    public static async IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> ReadAsync(
        ILog log,
        ulong offset,
        Action<LogUnavailableException>? interrupted,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var backoff = new Backoff();
        while (true)
        {
            var batches = log.ReadFromAsync(offset, stopAtEnd: false, cancellationToken).GetAsyncEnumerator(cancellationToken);
            await using (batches.ConfigureAwait(false))
            {
                while (true)
                {
                    if (await InterruptionAsync(batches).ConfigureAwait(false) is { } interruption)
                    {
                        interrupted?.Invoke(interruption);
                        break;
                    }

                    var (first, batch) = batches.Current;
                    if (first != offset)
                        throw new LogException(
                            FormattableString.Invariant($"the server sent records from offset {first} instead of {offset}"));
                    offset += (ulong)batch.Count;
                    backoff.Reset();
                    yield return (first, batch);
                }
            }

            await backoff.DelayAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Moves to the next batch. Returns the interruption, if there was one.</summary>
    private static async ValueTask<LogUnavailableException?> InterruptionAsync(IAsyncEnumerator<(ulong, RecordBatch)> batches)
    {
        try
        {
            return await batches.MoveNextAsync().ConfigureAwait(false)
                ? null
                : new LogUnavailableException("the server ended the stream");
        }
        catch (LogUnavailableException exception)
        {
            return exception;
        }
    }
}
