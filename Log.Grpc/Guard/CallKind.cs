using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Authorization;

namespace LogKit.Grpc.Guard;

/// <summary>What the guard needs to know of the method that is called.</summary>
/// <param name="IsGrpc">Whether it is a gRPC method at all, so that its body is messages with prefixes.</param>
/// <param name="HasOneRequest">Whether it takes exactly one message.</param>
/// <param name="IsLog">Whether it is a method of the log.</param>
/// <param name="IsLogStream">Whether it is one of the log's streams, which have a limit of their own.</param>
/// <param name="IsOpenToAll">Whether no identity is needed.</param>
internal sealed record CallKind(bool IsGrpc, bool HasOneRequest, bool IsLog, bool IsLogStream, bool IsOpenToAll)
{
    private static readonly CallKind Other = new(IsGrpc: false, HasOneRequest: false, IsLog: false, IsLogStream: false, IsOpenToAll: true);

    /// <summary>Whether the client may be silent between two messages, for as long as it likes.</summary>
    public bool MayPause => IsLogStream && !HasOneRequest;

    /// <summary>The kind that was found when the endpoint was mapped, or that its metadata says.</summary>
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
