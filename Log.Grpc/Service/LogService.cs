using Google.Protobuf;
using Grpc.Core;
using LogKit.V1;

namespace LogKit.Grpc.Service;

/// <summary>
/// The service <c>log.v1.Log</c> over an <see cref="ILog"/>: what each method does, read from the top down. Failures are thrown as
/// the log's exceptions; <see cref="ErrorInterceptor"/> turns them into statuses.
/// </summary>
internal sealed class LogService(ILog log, IHostApplicationLifetime lifetime)
{
    public async Task<ProduceResponse> Produce(V1.Envelope.ProduceRequest request, ServerCallContext context)
    {
        var batch = Requests.BatchOf(request);
        var offset = await log.AppendBatchAsync(batch, Requests.ExpectedOffsetOf(request), context.CancellationToken);
        return new ProduceResponse { FirstOffset = offset };
    }

    public async Task<V1.Envelope.ConsumeResponse> Consume(ConsumeRequest request, ServerCallContext context) =>
        Response(request.Offset, await log.ReadBatchAsync(request.Offset, context.CancellationToken));

    public async Task ConsumeStream(
        ConsumeRequest request, IServerStreamWriter<V1.Envelope.ConsumeResponse> responses, ServerCallContext context)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        try
        {
            await SendFromAsync(request, responses, context.CancellationToken, ending.Token);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw new ServerStoppingException();
        }
    }

    public Task ProduceStream(
        IAsyncStreamReader<V1.Envelope.ProduceRequest> requests, IServerStreamWriter<ProduceResponse> responses, ServerCallContext context) =>
        new ProducePipeline(log, requests, responses).RunAsync(context.CancellationToken, lifetime.ApplicationStopping);

    public async Task<GetRangeResponse> GetRange(ServerCallContext context)
    {
        var range = await log.GetRangeAsync(context.CancellationToken);
        return new GetRangeResponse { StartOffset = range.StartOffset, NextOffset = range.NextOffset };
    }

    private async Task SendFromAsync(
        ConsumeRequest request, IServerStreamWriter<V1.Envelope.ConsumeResponse> responses,
        CancellationToken callEnded, CancellationToken ending)
    {
        var range = await log.GetRangeAsync(ending);
        var offset = request.Offset;
        if (offset > range.NextOffset || offset < range.StartOffset)
            throw new OffsetOutOfRangeException(offset, range);

        var next = range.NextOffset;
        while (!request.StopAtEnd || offset < range.NextOffset)
        {
            if (offset >= next)
            {
                await log.WaitForAppendAsync(offset, ending);
                next = (await log.GetRangeAsync(ending)).NextOffset;
            }

            var batch = await log.ReadBatchAsync(offset, ending);
            await responses.WriteAsync(Response(offset, batch), callEnded); // a stopping server ends between batches, not within one
            offset += (ulong)batch.Count;
        }
    }

    private static V1.Envelope.ConsumeResponse Response(ulong offset, RecordBatch batch) => new()
    {
        FirstOffset = offset,
        RecordBatch = UnsafeByteOperations.UnsafeWrap(batch.Encoded), // a batch never changes
    };
}
