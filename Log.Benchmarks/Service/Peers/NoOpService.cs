using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using LogKit.V1;

namespace LogKit.Benchmarks.Service.Peers;

/// <summary>
/// The ceiling: a gRPC service with the messages of the log service, in the form that leaves batches as bytes. It ignores what it receives,
/// and sends fixed content.
/// </summary>
internal sealed class NoOpService(NoOpService.Content content)
{
    /// <summary>The content of ConsumeStream: one batch, sent this many times.</summary>
    internal sealed record Content(RecordBatch Batch, int Count);

    private ulong _next;

    public Task<ProduceResponse> Produce() => Task.FromResult(new ProduceResponse { FirstOffset = Interlocked.Increment(ref _next) });

    public async Task ProduceStream(IAsyncStreamReader<V1.Envelope.ProduceRequest> requests, IServerStreamWriter<ProduceResponse> responses)
    {
        while (await requests.MoveNext(CancellationToken.None))
            await responses.WriteAsync(await Produce());
    }

    public async Task ConsumeStream(IServerStreamWriter<V1.Envelope.ConsumeResponse> responses)
    {
        var offset = 0UL;
        for (var i = 0; i < content.Count; i++, offset += (ulong)content.Batch.Count)
        {
            await responses.WriteAsync(new V1.Envelope.ConsumeResponse
            {
                FirstOffset = offset,
                RecordBatch = UnsafeByteOperations.UnsafeWrap(content.Batch.Encoded),
            });
        }
    }

    /// <summary>Its methods, under another name if it runs next to the real service.</summary>
    internal sealed class Methods(string serviceName) : IServiceMethodProvider<NoOpService>
    {
        /// <summary>The name for use next to the real service.</summary>
        public const string OtherName = "benchmarks.NoOp";

        public void OnServiceMethodDiscovery(ServiceMethodProviderContext<NoOpService> context)
        {
            context.AddUnaryMethod(Named(LogMethods.Produce, serviceName), [], static (service, _, _) => service.Produce());
            context.AddDuplexStreamingMethod(Named(LogMethods.ProduceStream, serviceName), [], static (service, requests, responses, _) =>
                service.ProduceStream(requests, responses));
            context.AddServerStreamingMethod(Named(LogMethods.ConsumeStream, serviceName), [], static (service, _, responses, _) =>
                service.ConsumeStream(responses));
        }

        public static Method<TRequest, TResponse> Named<TRequest, TResponse>(Method<TRequest, TResponse> method, string serviceName)
            where TRequest : class
            where TResponse : class => new(method.Type, serviceName, method.Name, method.RequestMarshaller, method.ResponseMarshaller);
    }
}
