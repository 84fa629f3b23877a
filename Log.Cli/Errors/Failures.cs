using System.Net.Sockets;
using System.Text.Json;
using Grpc.Core;

namespace LogKit.Cli.Errors;

/// <summary>Describes failures for standard error: the name of the gRPC status and a sentence, in one line.</summary>
internal static class Failures
{
    /// <summary>The line; null for a bug in this program.</summary>
    public static string? Describe(Exception exception, string address)
    {
        if (exception is CommandException)
            return exception.Message.ReplaceLineEndings(" ");
        return StatusOf(exception) is { } status
            ? $"{NameOf(status)}: {MessageOf(exception, address)}".ReplaceLineEndings(" ")
            : null;
    }

    /// <summary>The name of the status, such as UNAVAILABLE; null if it is not a failure of a log.</summary>
    public static string? NameOf(Exception exception) => StatusOf(exception) is { } status ? NameOf(status) : null;

    private static StatusCode? StatusOf(Exception exception) => exception switch
    {
        LogUnavailableException => StatusCode.Unavailable, // the transport reports a failed handshake as INTERNAL
        { InnerException: RpcException failure } => failure.StatusCode,
        OffsetOutOfRangeException => StatusCode.OutOfRange,
        OffsetMismatchException => StatusCode.Aborted,
        LogFullException => StatusCode.ResourceExhausted,
        LogReadOnlyException => StatusCode.FailedPrecondition,
        RecordCorruptException => StatusCode.DataLoss,
        LogException => StatusCode.Unknown,
        BatchTooLargeException => StatusCode.InvalidArgument,
        OperationCanceledException => StatusCode.Cancelled,
        _ => null,
    };

    private static string MessageOf(Exception exception, string address)
    {
        if (exception is OperationCanceledException)
            return "interrupted";
        if (exception.InnerException is not RpcException failure)
            return exception.Message;

        if (failure.Status.DebugException is not { } cause)
            return exception.Message.Replace($"{failure.StatusCode}: ", "", StringComparison.Ordinal); // the status is already the prefix
        if (WasNeverReached(cause))
            return $"cannot reach {address}: {ReasonOf(cause)}";
        var outcome = exception is AppendOutcomeUnknownException ? "the append's outcome is unknown: " : "";
        return $"{outcome}the connection to {address} failed: {ReasonOf(cause)}";
    }

    private static bool WasNeverReached(Exception transport) => transport is SocketException or HttpRequestException
    {
        HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
            or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError,
    };

    /// <summary>The message of the innermost exception of the transport.</summary>
    private static string ReasonOf(Exception transport)
    {
        var reason = transport.GetBaseException().Message.TrimEnd('.');
        return $"{char.ToLowerInvariant(reason[0])}{reason[1..]}";
    }

    private static string NameOf(StatusCode status) =>
        status is StatusCode.OK ? "OK" : JsonNamingPolicy.SnakeCaseUpper.ConvertName(status.ToString());
}
