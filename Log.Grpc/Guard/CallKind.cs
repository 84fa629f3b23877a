using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Authorization;

namespace LogKit.Grpc.Guard;

/// <summary>The properties of a method that the guard needs.</summary>
/// <param name="IsGrpc">Whether it is a gRPC method, whose body consists of prefixed messages.</param>
/// <param name="HasOneRequest">Whether it takes exactly one message.</param>
/// <param name="IsLog">Whether it is a method of the log.</param>
/// <param name="IsLogStream">Whether it is a stream of the log. Streams have their own limit.</param>
/// <param name="IsOpenToAll">Whether no identity is needed.</param>
internal sealed record CallKind(bool IsGrpc, bool HasOneRequest, bool IsLog, bool IsLogStream, bool IsOpenToAll)
{
    private static readonly CallKind Other = new(IsGrpc: false, HasOneRequest: false, IsLog: false, IsLogStream: false, IsOpenToAll: true);

    /// <summary>Whether the client may pause between messages for any time.</summary>
    public bool MayPause => IsLogStream && !HasOneRequest;

    /// <summary>The kind, as determined when the endpoint was mapped, or from its metadata.</summary>
    public static CallKind Of(HttpContext context) => context.GetEndpoint() is { } endpoint ? Of(endpoint.Metadata) : Other;

    public static CallKind Of(IEnumerable<object> metadata)
    {
        var items = metadata as EndpointMetadataCollection ?? new EndpointMetadataCollection(metadata);
        if (items.GetMetadata<CallKind>() is { } known)
            return known;
        if (items.GetMetadata<GrpcMethodMetadata>()?.Method is not { } method)
            return Other;
        var isLog = method.ServiceName == V1.Log.Descriptor.FullName;
        return new CallKind(
            IsGrpc: true,
            HasOneRequest: method.Type is MethodType.Unary or MethodType.ServerStreaming,
            IsLog: isLog,
            IsLogStream: isLog && method.Type is not MethodType.Unary,
            IsOpenToAll: items.GetMetadata<IAllowAnonymous>() is not null);
    }
}
