using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using LogKit.Grpc.Observability;
using LogKit.V1;

namespace LogKit.Grpc.Service;

/// <summary>
/// The service <c>log.v1.Log</c> over an <see cref="ILog"/>: what each method does, read from the top down. Failures are thrown as
/// the log's exceptions; <see cref="ErrorBoundary"/> turns them into statuses.
/// </summary>
internal sealed class LogService(ILog log, LiveStreams streams, ServiceMetrics metrics, ErrorBoundary errors, LogKitOptions options)
{
    /// <summary>
    /// What a ConsumeStream reads at a time. So much that a log that is a network away is asked seldom; so little that a
    /// thousand callers who are slow to take it hold 128 MiB at most, but for batches that are larger by themselves.
    /// </summary>
    private const int ReadLimitBytes = 128 * 1024;

    /// <summary>How much of that goes to the connection with one write: a write costs as much as copying so many bytes.</summary>
    private const int WriteBytes = 32 * 1024;

    /// <summary>What all calls together have handed to the log, and the log has not taken yet.</summary>
    private readonly ByteBudget _queued = new(options.QueuedLimitBytes);

    public ErrorBoundary Errors => errors;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ProduceResponse> Produce(V1.Envelope.ProduceRequest request, ServerCallContext context)
    {
        var batch = Requests.BatchOf(request);
        await _queued.TakeAsync(batch.SizeBytes, context.CancellationToken);
        try
        {
            var started = metrics.Start();
            var offset = await log.AppendBatchAsync(batch, Requests.ExpectedOffsetOf(request), context.CancellationToken);
            metrics.CountAppend(batch.Count, batch.SizeBytes, started);
            CallTags.Set(offset, batch.Count);
            return new ProduceResponse { FirstOffset = offset };
        }
        finally
        {
            _queued.Return(batch.SizeBytes);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<V1.Envelope.ConsumeResponse> Consume(ConsumeRequest request, ServerCallContext context)
    {
        var batch = await log.ReadBatchAsync(request.Offset, context.CancellationToken);
        metrics.CountRead(batch);
        CallTags.Set(request.Offset, batch.Count);
        return Response(request.Offset, batch);
    }

    public async Task ConsumeStream(
        ConsumeRequest request, IServerStreamWriter<V1.Envelope.ConsumeResponse> responses, ServerCallContext context)
    {
        using var stream = streams.Open(context, LogActions.Consume);
        try
        {
            await SendFromAsync(request, responses, context, stream);
        }
        catch (OperationCanceledException) when (stream.Reason is { } reason)
        {
            throw reason;
        }
    }

    public async Task ProduceStream(
        IAsyncStreamReader<V1.Envelope.ProduceRequest> requests, IServerStreamWriter<ProduceResponse> responses, ServerCallContext context)
    {
        using var stream = streams.Open(context, LogActions.Produce);
        await new ProducePipeline(log, requests, responses, _queued, stream, metrics).RunAsync();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<GetRangeResponse> GetRange(ServerCallContext context)
    {
        var range = await log.GetRangeAsync(context.CancellationToken);
        return new GetRangeResponse { StartOffset = range.StartOffset, NextOffset = range.NextOffset };
    }

    private async Task SendFromAsync(
        ConsumeRequest request, IServerStreamWriter<V1.Envelope.ConsumeResponse> responses, ServerCallContext context, LiveStream stream)
    {
        var ending = stream.Ending;
        var range = await log.GetRangeAsync(ending);
        var offset = request.Offset;
        if (offset > range.NextOffset || offset < range.StartOffset)
            throw new OffsetOutOfRangeException(offset, range);
        stream.Position = offset;

        if (offset == range.NextOffset && !request.StopAtEnd)
            await context.WriteResponseHeadersAsync([]); // the first message may be long in coming: the caller hears that it is waited for

        var next = range.NextOffset;
        var end = request.StopAtEnd ? next : ulong.MaxValue;
        while (offset < end)
        {
            if (offset >= next)
            {
                await log.WaitForAppendAsync(offset, ending);
                next = (await log.GetRangeAsync(ending)).NextOffset;
            }

            // What was read may be truncated before its turn comes, and is sent: as if it had been in the connection's buffers by then.
            var batches = await log.ReadBatchesAsync(offset, ReadLimitBytes, ending);
            if (batches.Count == 0)
                throw new InvalidOperationException("the log read nothing at an offset that it holds");
            var unsentBytes = 0;
            for (var i = 0; i < batches.Count && offset < end; i++)
            {
                var batch = batches[i];
                ending.ThrowIfCancellationRequested(); // a stream that is to end does so between batches, not within one
                unsentBytes += batch.SizeBytes;
                var isFollowed = i + 1 < batches.Count && offset + (ulong)batch.Count < end && unsentBytes < WriteBytes;
                await stream.WriteAsync(responses, Response(offset, batch), isFollowed);
                unsentBytes = isFollowed ? unsentBytes : 0;
                metrics.CountRead(batch);
                offset += (ulong)batch.Count;
                stream.Position = offset;
            }
        }
    }

    private static V1.Envelope.ConsumeResponse Response(ulong offset, RecordBatch batch) => new()
    {
        FirstOffset = offset,
        RecordBatch = UnsafeByteOperations.UnsafeWrap(batch.Encoded), // a batch never changes
    };
}
