using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using LogKit.Grpc.Guard;
using LogKit.Grpc.Observability;
using LogKit.Grpc.Streams;

namespace LogKit.Grpc.Service;

/// <summary>
/// One ConsumeStream call. It reads a piece of the log, sends it, and reads on once the connection has taken it; at the end of the log it
/// waits. What it has read counts against the budget of all calls, and is read again if there was no room for it.
/// </summary>
internal sealed class ConsumeSender(
    ILog log, IServerStreamWriter<V1.Envelope.ConsumeResponse> responses, GuardedCall call, LiveStream stream, ServiceMetrics metrics)
{
    /// <summary>
    /// How much is read at a time, unless a single batch is larger. So much that a log that is a network away is asked seldom; so little
    /// that a thousand callers who are slow to take it hold 128 MiB at most.
    /// </summary>
    private const int ReadLimitBytes = 128 * 1024;

    /// <summary>How much of that goes to the connection with one write: a write costs as much as copying so many bytes.</summary>
    private const int WriteBytes = 64 * 1024;

    /// <summary>The least that is taken of the budget at a time, so that it is not asked for each small batch.</summary>
    private const int TakeBytes = 8 * 1024;

    private long _heldBytes; // of the budget, for what is being sent

    public async Task SendFromAsync(ulong offset, bool stopAtEnd, ServerCallContext context)
    {
        var ending = stream.Ending;
        var range = await log.GetRangeAsync(ending);
        if (offset > range.NextOffset || offset < range.StartOffset)
            throw new OffsetOutOfRangeException(offset, range);
        stream.Position = offset;

        if (offset == range.NextOffset && !stopAtEnd)
            await context.WriteResponseHeadersAsync([]); // the first message may be long in coming: the caller hears that it is waited for

        var next = range.NextOffset;
        var end = stopAtEnd ? next : ulong.MaxValue;
        while (offset < end)
        {
            if (offset >= next)
            {
                await log.WaitForAppendAsync(offset, ending);
                next = (await log.GetRangeAsync(ending)).NextOffset;
            }

            (offset, var missingBytes) = await SendOnceAsync(offset, end, ending);
            if (missingBytes > 0)
            {
                await call.TakeAsync(missingBytes, ending);
                _heldBytes = missingBytes;
            }
        }
    }

    /// <summary>The answer that carries a batch.</summary>
    public static V1.Envelope.ConsumeResponse Response(ulong offset, RecordBatch batch) => new()
    {
        FirstOffset = offset,
        RecordBatch = UnsafeByteOperations.UnsafeWrap(batch.Encoded), // a batch never changes
    };

    /// <summary>What an answer takes of the budget: it is in memory as the log read it, and as the transport sends it.</summary>
    public static long ChargeOf(long sizeBytes) => 2 * sizeBytes;

    /// <summary>Reads once, and sends what it has read, as far as the budget has room for it.</summary>
    /// <returns>The offset to go on from, and the room that the batch there needs; 0 if the budget had enough.</returns>
    private async ValueTask<(ulong Offset, long MissingBytes)> SendOnceAsync(ulong offset, ulong end, CancellationToken ending)
    {
        // What was read may be truncated before its turn comes, and is sent: as if it had been in the connection's buffers by then.
        var batches = await log.ReadBatchesAsync(offset, ReadLimitBytes, ending);
        if (batches.Count == 0)
            throw new InvalidOperationException("the log read nothing at an offset that it holds");
        var unsentBytes = 0;
        var missingBytes = 0L;
        for (var i = 0; i < batches.Count && offset < end; i++)
        {
            var batch = batches[i];
            ending.ThrowIfCancellationRequested(); // a stream that is to end does so between batches, not within one
            if (!TryHold(ChargeOf(unsentBytes + batch.SizeBytes)))
            {
                missingBytes = ChargeOf(batch.SizeBytes);
                if (unsentBytes > 0)
                    await stream.FlushAsync();
                break;
            }

            unsentBytes += batch.SizeBytes;
            var isFollowed = i + 1 < batches.Count && offset + (ulong)batch.Count < end && unsentBytes < WriteBytes;
            await stream.WriteAsync(responses, Response(offset, batch), isFollowed);
            unsentBytes = isFollowed ? unsentBytes : 0;
            metrics.CountRead(batch);
            offset += (ulong)batch.Count;
            stream.Position = offset;
        }

        Debug.Assert(missingBytes > 0 || unsentBytes == 0, "what is returned to the budget has left");
        call.Return(_heldBytes);
        _heldBytes = 0;
        return (offset, missingBytes);
    }

    private bool TryHold(long neededBytes)
    {
        if (neededBytes <= _heldBytes)
            return true;
        var more = Math.Max(neededBytes - _heldBytes, TakeBytes);
        if (!call.TryTake(more))
            return false;
        _heldBytes += more;
        return true;
    }
}
