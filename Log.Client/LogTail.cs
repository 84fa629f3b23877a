using System.Runtime.CompilerServices;
using LogKit.Client.Connecting;

namespace LogKit.Client;

/// <summary>
/// Reads a log for ever, over as many calls as it takes: whenever one is lost, the next begins at the first offset that was not given
/// out yet. So interruptions make neither a gap nor a repeat, and what a log cannot give ends the reading instead of being passed over.
/// </summary>
internal static class LogTail
{
    public static async IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> ReadAsync(
        GrpcLog log,
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
                            FormattableString.Invariant($"the server sent records from offset {first}: {offset} was asked for"));
                    offset += (ulong)batch.Count;
                    backoff.Reset();
                    yield return (first, batch);
                }
            }

            await backoff.DelayAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Goes on to the next batch; or says what came in between.</summary>
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
