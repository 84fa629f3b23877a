using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using LogKit.Grpc.Guard;
using LogKit.Grpc.Observability;
using LogKit.Grpc.Streams;

namespace LogKit.Grpc.Service;

/// <summary>
/// A ConsumeStream call. It reads part of the log, sends it, and continues once the connection has taken it. At the end of the log, it
/// waits. What it has read counts against the budget of all calls; if the budget is exhausted, it is read again later.
/// </summary>
internal sealed class ConsumeSender(
    ILog log, IServerStreamWriter<V1.Envelope.ConsumeResponse> responses, GuardedCall call, LiveStream stream, ServiceMetrics metrics)
{
    /// <summary>
    /// The size of a read, unless a single batch is larger. Large enough that a remote log is read in few calls; small enough that a
    /// thousand slow callers hold at most 128 MiB.
    /// </summary>
    private const int ReadLimitBytes = 128 * 1024;

    /// <summary>The size of a write to the connection. A write costs about as much as copying this many bytes.</summary>
    private const int WriteBytes = 64 * 1024;

    /// <summary>The minimum number of bytes taken from the budget at a time, so that small batches rarely need to.</summary>
    private const int TakeBytes = 8 * 1024;

    private long _heldBytes; // taken from the budget for what is being sent

    public async Task SendFromAsync(ulong offset, bool stopAtEnd, ServerCallContext context)
    {
        var ending = stream.Ending;
        var range = await log.GetRangeAsync(ending);
        if (offset > range.NextOffset || offset < range.StartOffset)
            throw new OffsetOutOfRangeException(offset, range);
        stream.Position = offset;

        if (offset == range.NextOffset && !stopAtEnd)
            // The first message may take long; the headers tell the caller that the stream is open.
            await context.WriteResponseHeadersAsync([]);

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

    /// <summary>The response with a batch.</summary>
    public static V1.Envelope.ConsumeResponse Response(ulong offset, RecordBatch batch) => new()
    {
        FirstOffset = offset,
        RecordBatch = UnsafeByteOperations.UnsafeWrap(batch.Encoded), // batches are immutable
    };

    /// <summary>
    /// The bytes that a response takes from the budget: it is in memory as read from the log, and as sent by the transport.
    /// </summary>
    public static long ChargeOf(long sizeBytes) => 2 * sizeBytes;

    /// <summary>Reads once, and sends what it has read as far as the budget allows.</summary>
    /// <returns>The offset at which to continue, and the bytes that the batch there needs; 0 if the budget sufficed.</returns>
    private async ValueTask<(ulong Offset, long MissingBytes)> SendOnceAsync(ulong offset, ulong end, CancellationToken ending)
    {
        // What was read may be truncated before it is sent, which is as if it had been in the buffers of the connection.
        var batches = await log.ReadBatchesAsync(offset, ReadLimitBytes, ending);
        if (batches.Count == 0)
            throw new InvalidOperationException("the log read nothing at an offset that it holds");
        var unsentBytes = 0;
        var missingBytes = 0L;
        for (var i = 0; i < batches.Count && offset < end; i++)
        {
            var batch = batches[i];
            ending.ThrowIfCancellationRequested(); // a stream ends between batches, not within one
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
