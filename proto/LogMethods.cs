using Google.Protobuf;
using Grpc.Core;

namespace LogKit.V1;

/// <summary>
/// The methods of the service <c>log.v1.Log</c> with batches as bytes: the same names and wire format as the generated client and server
/// base, but with the messages of <c>envelope.proto</c>.
/// </summary>
public static class LogMethods
{
    /// <summary>Appends one batch.</summary>
    public static Method<Envelope.ProduceRequest, ProduceResponse> Produce { get; } =
        Define(MethodType.Unary, nameof(Produce), Envelope.ProduceRequest.Parser, ProduceResponse.Parser);

    /// <summary>Reads one batch.</summary>
    public static Method<ConsumeRequest, Envelope.ConsumeResponse> Consume { get; } =
        Define(MethodType.Unary, nameof(Consume), ConsumeRequest.Parser, Envelope.ConsumeResponse.Parser);

    /// <summary>Reads batches, and waits for more at the end.</summary>
    public static Method<ConsumeRequest, Envelope.ConsumeResponse> ConsumeStream { get; } =
        Define(MethodType.ServerStreaming, nameof(ConsumeStream), ConsumeRequest.Parser, Envelope.ConsumeResponse.Parser);

    /// <summary>Appends batches in order.</summary>
    public static Method<Envelope.ProduceRequest, ProduceResponse> ProduceStream { get; } =
        Define(MethodType.DuplexStreaming, nameof(ProduceStream), Envelope.ProduceRequest.Parser, ProduceResponse.Parser);

    /// <summary>Reports the readable offsets.</summary>
    public static Method<GetRangeRequest, GetRangeResponse> GetRange { get; } =
        Define(MethodType.Unary, nameof(GetRange), GetRangeRequest.Parser, GetRangeResponse.Parser);

    private static Method<TRequest, TResponse> Define<TRequest, TResponse>(
        MethodType type, string name, MessageParser<TRequest> request, MessageParser<TResponse> response)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        new(type, Log.Descriptor.FullName, name, MarshallerOf(request), MarshallerOf(response));

    private static Marshaller<T> MarshallerOf<T>(MessageParser<T> parser)
        where T : class, IMessage<T> =>
        Marshallers.Create(
            static (message, context) =>
            {
                context.SetPayloadLength(message.CalculateSize());
                message.WriteTo(context.GetBufferWriter());
                context.Complete();
            },
            context => parser.ParseFrom(context.PayloadAsReadOnlySequence()));
}
