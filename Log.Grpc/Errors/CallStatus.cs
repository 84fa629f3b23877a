using System.Globalization;
using Grpc.Core;
using LogKit.V1;

using Keys = LogKit.V1.ErrorReasons.Keys;

namespace LogKit.Grpc.Errors;

/// <summary>
/// Statuses of calls that ended before a method of the service saw them, or that the transport ended. Nothing of them is stored.
/// </summary>
internal static class CallStatus
{
    /// <summary>The limit on calls is reached.</summary>
    public static StatusException CallLimit(int limit) => ErrorCatalog.Status(
        StatusCode.ResourceExhausted, $"the limit of {Text(limit)} calls is reached", ErrorReasons.CallLimit, (Keys.Limit, Text(limit)));

    public static StatusException MessageTooLarge(long sizeBytes, int limitBytes) =>
        ErrorCatalog.Status(
            StatusCode.ResourceExhausted,
            $"a message of {Text(sizeBytes)} bytes or more: the limit is {Text(limitBytes)}",
            ErrorReasons.MessageTooLarge,
            (Keys.SizeBytes, Text(sizeBytes)),
            (Keys.LimitBytes, Text(limitBytes)));

    /// <summary>Too much is waiting for the budget.</summary>
    public static StatusException ServerBusy() => ErrorCatalog.Status(
        StatusCode.Unavailable, "the server's limit on bytes of requests in memory is reached", ErrorReasons.ServerBusy);

    /// <summary>The request took too long to arrive.</summary>
    public static StatusException RequestLate(long limitMs) =>
        ErrorCatalog.Status(
            StatusCode.ResourceExhausted,
            $"the rest of a request did not arrive within {Text(limitMs)} ms, or earlier because others needed the memory",
            ErrorReasons.RequestStalled,
            (Keys.LimitMs, Text(limitMs)));

    /// <summary>A message is malformed.</summary>
    public static StatusException MalformedRequest(FormattableString problem) =>
        ErrorCatalog.ToStatus(RequestException.Malformed("request", problem.ToString(CultureInfo.InvariantCulture)));

    /// <summary>The messages do not form a call of the method.</summary>
    public static StatusException MalformedCall(string problem) => ErrorCatalog.Status(
        StatusCode.Internal, $"the call is malformed: {problem}", ErrorReasons.MalformedCall, (Keys.Problem, problem));

    public static StatusException EncodingUnknown(string encoding, IEnumerable<string> supported) => ErrorCatalog.Status(
        StatusCode.Unimplemented, $"grpc-encoding {Shown(encoding)} is not supported: use {string.Join(", ", supported)}, or none",
        ErrorReasons.EncodingUnknown, (Keys.Encoding, Shown(encoding)));

    public static StatusException DeadlineExceeded() =>
        // The message that gRPC itself uses.
        ErrorCatalog.Status(StatusCode.DeadlineExceeded, "Deadline Exceeded", ErrorReasons.DeadlineExceeded);

    /// <summary>A status set by gRPC itself, with the reason for its code.</summary>
    /// <param name="code">The code set by gRPC.</param>
    /// <param name="message">The message set by gRPC.</param>
    /// <param name="method">The path of the call.</param>
    /// <param name="traceId">The trace ID of the call.</param>
    public static StatusException OfTransport(StatusCode code, string message, string method, string traceId) =>
        code switch
        {
            StatusCode.Unimplemented => ErrorCatalog.Status(
                code,
                $"method {Shown(method)} is not known: the server has log.v1.Log, grpc.health.v1.Health, and reflection",
                ErrorReasons.MethodUnknown,
                (Keys.Method, Shown(method))),
            StatusCode.NotFound => ErrorCatalog.Status(code, message, ErrorReasons.ServiceUnknown),
            StatusCode.ResourceExhausted => ErrorCatalog.Status(code, message, ErrorReasons.MessageTooLarge),
            StatusCode.DeadlineExceeded => ErrorCatalog.Status(code, message, ErrorReasons.DeadlineExceeded),
            StatusCode.Cancelled => ErrorCatalog.Status(code, message, ErrorReasons.CallCancelled),
            StatusCode.InvalidArgument or StatusCode.Internal => ErrorCatalog.Status(
                code, message, ErrorReasons.MalformedCall, (Keys.Problem, message)),
            _ => ErrorCatalog.Internal(traceId),
        };

    /// <summary>Text from a client, made safe to show.</summary>
    private static string Shown(string text) => ForeignText.Shown(text);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
