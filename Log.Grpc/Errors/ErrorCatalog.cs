using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using LogKit.V1;
using Microsoft.AspNetCore.Http.Features;

using Keys = LogKit.V1.ErrorReasons.Keys;

namespace LogKit.Grpc.Errors;

/// <summary>
/// Maps failures to statuses, the same for every log. Each status carries a <c>google.rpc.Status</c> with one <c>ErrorInfo</c>, whose
/// metadata contains every variable of the message. docs/errors.md has the table.
/// </summary>
internal static class ErrorCatalog
{
    /// <summary>The status of a failure in the catalog; null for any other.</summary>
    public static StatusException? TryToStatus(Exception exception) => exception switch
    {
        RequestException e => Status(StatusCode.InvalidArgument, e, e.Reason, [.. e.Metadata]),
        OffsetOutOfRangeException e => Status(
            StatusCode.OutOfRange, e, e.IsTruncated ? ErrorReasons.OffsetTruncated : ErrorReasons.OffsetOutOfRange,
            (Keys.Offset, Text(e.Offset)), (Keys.StartOffset, Text(e.Range.StartOffset)), (Keys.NextOffset, Text(e.Range.NextOffset))),
        BatchTooLargeException e => Status(
            StatusCode.InvalidArgument, e, ErrorReasons.BatchTooLarge,
            (Keys.SizeBytes, Text(e.SizeBytes)), (Keys.LimitBytes, Text(e.LimitBytes))),
        OffsetMismatchException e => Status(
            StatusCode.Aborted, e, ErrorReasons.ExpectedOffsetMismatch,
            (Keys.ExpectedOffset, Text(e.ExpectedOffset)), (Keys.NextOffset, Text(e.NextOffset))),
        IdentityException e => Status(StatusCode.Unauthenticated, e, e.Reason),
        PermissionException e => Status(
            StatusCode.PermissionDenied, e, ErrorReasons.ActionNotPermitted, (Keys.Identity, e.Identity), (Keys.Action, e.Action)),
        StreamLimitException e => Status(StatusCode.ResourceExhausted, e, ErrorReasons.StreamLimit, (Keys.Limit, Text(e.Limit))),
        ServerStoppingException e => Status(StatusCode.Unavailable, e, ErrorReasons.ShuttingDown),
        LogUnavailableException e => Status(StatusCode.Unavailable, e, ErrorReasons.StorageUnavailable),
        LogFullException e => Status(StatusCode.ResourceExhausted, e, ErrorReasons.LogFull),
        AppendOutcomeUnknownException e => Status(StatusCode.Unknown, e, ErrorReasons.OutcomeUnknown),
        LogReadOnlyException e => Status(StatusCode.FailedPrecondition, e, ErrorReasons.LogReadOnly),
        RecordCorruptException e => Status(StatusCode.DataLoss, e, ErrorReasons.RecordCorrupt, (Keys.Offset, Text(e.Offset))),
        _ => null,
    };

    /// <summary>The status of a failure in the catalog.</summary>
    public static StatusException ToStatus(Exception exception) =>
        TryToStatus(exception) ?? throw new ArgumentException("the failure is not in the catalog", nameof(exception), exception);

    /// <summary>
    /// Loads the assemblies that are needed to make a status. When the process is out of file descriptors, none can be loaded, and the
    /// error could not be reported.
    /// </summary>
    public static void Preload() => ToStatus(new LogFullException());

    /// <summary>The status of any other failure. The cause is only in the journal of the server, under the trace ID.</summary>
    public static StatusException Internal(string traceId) =>
        Status(StatusCode.Internal, "internal error", ErrorReasons.Internal, (Keys.TraceId, traceId));

    private static StatusException Status(
        StatusCode code, Exception exception, string reason, params ReadOnlySpan<(string Key, string Value)> metadata) =>
        Status(code, exception.Message, reason, metadata);

    /// <summary>Makes a status with details.</summary>
    public static StatusException Status(
        StatusCode code, string message, string reason, params ReadOnlySpan<(string Key, string Value)> metadata)
    {
        var info = new ErrorInfo { Domain = ErrorReasons.Domain, Reason = reason };
        foreach (var (key, value) in metadata)
            info.Metadata.Add(key, value);
        var details = new Google.Rpc.Status { Code = (int)code, Message = message, Details = { Any.Pack(info) } };
        var trailers = new Metadata { { ErrorReasons.TrailerName, details.ToByteArray() } };
        return new StatusException(new global::Grpc.Core.Status(code, message), trailers) { Reason = reason };
    }

    private static string Text<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);
}

/// <summary>The call ends because the server is stopping.</summary>
internal sealed class ServerStoppingException() : Exception("the server is shutting down");

/// <summary>
/// A status of this service. Any other <see cref="RpcException"/> comes from a log that calls another service.
/// </summary>
internal sealed class StatusException(global::Grpc.Core.Status status, Metadata trailers) : RpcException(status, trailers)
{
    /// <summary>The reason in the catalog; null if the status comes from the transport.</summary>
    public string? Reason { get; init; }

    /// <summary>Ends a call that has not reached a service with this status.</summary>
    public void EndCall(HttpContext context)
    {
        context.Response.ContentType = "application/grpc";
        if (context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is { } trailers)
            WriteTo(trailers);
    }

    /// <summary>Writes the status to gRPC trailers.</summary>
    public void WriteTo(IHeaderDictionary trailers)
    {
        trailers["grpc-status"] = ((int)StatusCode).ToString(CultureInfo.InvariantCulture);
        trailers["grpc-message"] = Uri.EscapeDataString(Status.Detail);
        foreach (var entry in Trailers)
            trailers[entry.Key] = entry.IsBinary ? Convert.ToBase64String(entry.ValueBytes) : entry.Value;
    }
}
