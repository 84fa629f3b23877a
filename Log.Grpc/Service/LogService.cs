using System.Runtime.CompilerServices;
using Grpc.Core;
using LogKit.Grpc.Access;
using LogKit.Grpc.Guard;
using LogKit.Grpc.Observability;
using LogKit.Grpc.Streams;
using LogKit.V1;

namespace LogKit.Grpc.Service;

/// <summary>
/// The methods of the service <c>log.v1.Log</c> over an <see cref="ILog"/>. Failures are thrown as exceptions of the log, which
/// <see cref="ErrorBoundary"/> maps to statuses.
/// </summary>
internal sealed class LogService(ILog log, LiveStreams streams, ServiceMetrics metrics, ErrorBoundary errors)
{
    public ErrorBoundary Errors => errors;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ProduceResponse> Produce(V1.Envelope.ProduceRequest request, ServerCallContext context)
    {
        var batch = Requests.BatchOf(request);
        CallOf(context).Claim(batch.SizeBytes);
        var started = metrics.Start();
        var offset = await log.AppendBatchAsync(batch, Requests.ExpectedOffsetOf(request), context.CancellationToken);
        metrics.CountAppend(batch.Count, batch.SizeBytes, started);
        CallTags.Set(offset, batch.Count);
        return new ProduceResponse { FirstOffset = offset };
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<V1.Envelope.ConsumeResponse> Consume(ConsumeRequest request, ServerCallContext context)
    {
        var call = CallOf(context);
        var batch = await log.ReadBatchAsync(request.Offset, context.CancellationToken);
        for (var heldBytes = 0L; !TryHold(call, heldBytes, batch.SizeBytes);)
        {
            call.Return(heldBytes);
            heldBytes = ConsumeSender.ChargeOf(batch.SizeBytes);
            batch = null; // not kept in memory while waiting for the budget
            await call.TakeAsync(heldBytes, context.CancellationToken);
            batch = await log.ReadBatchAsync(request.Offset, context.CancellationToken);
        }

        metrics.CountRead(batch);
        CallTags.Set(request.Offset, batch.Count);
        return ConsumeSender.Response(request.Offset, batch);
    }

    public async Task ConsumeStream(
        ConsumeRequest request, IServerStreamWriter<V1.Envelope.ConsumeResponse> responses, ServerCallContext context)
    {
        using var stream = streams.Open(context, LogActions.Consume);
        try
        {
            await new ConsumeSender(log, responses, CallOf(context), stream, metrics).SendFromAsync(
                request.Offset, request.StopAtEnd, context);
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
        await new ProducePipeline(log, requests, responses, CallOf(context), stream, metrics).RunAsync();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<GetRangeResponse> GetRange(ServerCallContext context)
    {
        var range = await log.GetRangeAsync(context.CancellationToken);
        return new GetRangeResponse { StartOffset = range.StartOffset, NextOffset = range.NextOffset };
    }

    private static bool TryHold(GuardedCall call, long heldBytes, int sizeBytes) =>
        ConsumeSender.ChargeOf(sizeBytes) - heldBytes is var more && (more <= 0 || call.TryTake(more));

    // Every method is guarded.
    private static GuardedCall CallOf(ServerCallContext context) => GuardedCall.Of(context.GetHttpContext())!;
}
