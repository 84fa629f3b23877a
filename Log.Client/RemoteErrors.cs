using System.Globalization;
using System.Net.Sockets;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using LogKit.Client.Connecting;
using LogKit.V1;

using Keys = LogKit.V1.ErrorReasons.Keys;

namespace LogKit.Client;

/// <summary>Translates statuses back to the exceptions that the log on the server threw, using the reason in their details.</summary>
internal static class RemoteErrors
{
    /// <param name="failure">The failed call.</param>
    /// <param name="isAppend">Whether the call is an append, so that a failure without a known reason leaves its outcome unknown.</param>
    public static Exception ToException(RpcException failure, bool isAppend)
    {
        if (InfoOf(failure) is { } info)
        {
            return info.Reason switch
            {
                ErrorReasons.OffsetOutOfRange or ErrorReasons.OffsetTruncated => new OffsetOutOfRangeException(
                    Number(info, Keys.Offset), new LogRange(Number(info, Keys.StartOffset), Number(info, Keys.NextOffset))),
                ErrorReasons.ExpectedOffsetMismatch => new OffsetMismatchException(
                    Number(info, Keys.ExpectedOffset), Number(info, Keys.NextOffset)),
                ErrorReasons.BatchTooLarge => new BatchTooLargeException(
                    (long)Number(info, Keys.SizeBytes), (long)Number(info, Keys.LimitBytes)),
                ErrorReasons.MessageTooLarge when isAppend && Number(info, Keys.LimitBytes) > 0 => new BatchTooLargeException(
                    (long)Number(info, Keys.SizeBytes), (long)Number(info, Keys.LimitBytes)),
                ErrorReasons.FieldRequired or ErrorReasons.BatchEmpty or ErrorReasons.MalformedMessage or ErrorReasons.MalformedCall =>
                    new ArgumentException(failure.Status.Detail, failure),
                ErrorReasons.ShuttingDown
                or ErrorReasons.StorageUnavailable
                or ErrorReasons.ServerBusy
                or ErrorReasons.StreamLimit
                or ErrorReasons.CallLimit => new LogUnavailableException(failure.Status.Detail, failure),
                ErrorReasons.LogFull => new LogFullException(failure),
                ErrorReasons.LogReadOnly => new LogReadOnlyException(failure),
                ErrorReasons.RecordCorrupt => new RecordCorruptException(Number(info, Keys.Offset), failure),
                ErrorReasons.IdentityRequired or ErrorReasons.TokenUnknown or ErrorReasons.ActionNotPermitted => new LogAccessException(
                    failure.Status.Detail, failure),
                ErrorReasons.OutcomeUnknown => new AppendOutcomeUnknownException(failure.Status.Detail, failure),
                _ => Unexplained(failure, isAppend),
            };
        }

        return Unexplained(failure, isAppend);
    }

    // A status that does not come from the service, but from the transport, a newer server, or another kind of server.
    private static LogException Unexplained(RpcException failure, bool isAppend)
    {
        var message = $"{failure.StatusCode}: {failure.Status.Detail}";
        if (failure.StatusCode is (StatusCode.Unavailable or StatusCode.Internal) && WasNeverSent(failure)) // Internal: no TLS handshake
            return new LogUnavailableException($"the server cannot be reached: {Cause(failure)}", failure);
        if (failure.StatusCode is StatusCode.DeadlineExceeded)
        {
            return isAppend
                ? new AppendOutcomeUnknownException(
                    "the append's outcome is unknown: its deadline passed before the server answered", failure)
                : new LogUnavailableException("the deadline passed before the server answered", failure);
        }

        if (failure.Status.DebugException is null && failure.StatusCode is (StatusCode.Unauthenticated or StatusCode.PermissionDenied))
            return new LogAccessException(failure.Status.Detail, failure);
        if (failure.Status.DebugException is null && WasRefused(failure.StatusCode)) // the server's word, not a connection's end
            return new LogException(message, failure);
        if (isAppend)
            return new AppendOutcomeUnknownException($"the append's outcome is unknown: {message}", failure);
        return failure.StatusCode is StatusCode.Unavailable or StatusCode.Cancelled || IsLostConnection(failure)
            ? new LogUnavailableException(message, failure)
            : new LogException(message, failure);
    }

    /// <summary>
    /// Whether the connection was lost during the call. gRPC reports INTERNAL for an unanswered ping, a reset, or a truncated response, and
    /// UNKNOWN or CANCELLED for a response without a status. Statuses that the server sent are not among them: they have no local
    /// exception, and the messages below are those of the client library.
    /// </summary>
    private static bool IsLostConnection(RpcException failure)
    {
        for (var exception = failure.Status.DebugException; exception is not null; exception = exception.InnerException)
        {
            // HttpProtocolException is an IOException.
            if (exception is IOException or SocketException or HttpRequestException or TimeoutException)
                return true;
        }

        return failure.Status.Detail is "Incomplete message." or "Unexpected end of content while reading the message content."
            or "No grpc-status found on response.";
    }

    /// <summary>Whether no connection could be established, so that nothing was sent.</summary>
    public static bool WasNeverSent(RpcException failure) =>
        failure.Status.Detail is "Error connecting to subchannel." // the words of a channel with load balancing, whatever kept it
        || failure.Status.DebugException is SocketException
        || (failure.Status.DebugException is HttpRequestException exception && ServersHandler.WasNotConnected(exception));

    /// <summary>The cause, in one line. For a handshake, the problem with the certificate rather than the exceptions around it.</summary>
    private static string Cause(RpcException failure) =>
        failure.Status.DebugException switch
        {
            HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError, InnerException: { } handshake } =>
                handshake.Message,
            { } exception => exception.Message,
            null => failure.Status.Detail,
        };

    /// <summary>Statuses with which a server or proxy refuses a call before the log sees it.</summary>
    private static bool WasRefused(StatusCode code) =>
        code is StatusCode.Unimplemented or StatusCode.ResourceExhausted
            or StatusCode.InvalidArgument or StatusCode.NotFound;

    private static ErrorInfo? InfoOf(RpcException failure)
    {
        if (failure.Trailers.GetValueBytes(ErrorReasons.TrailerName) is not { } bytes)
            return null;
        try
        {
            var details = Google.Rpc.Status.Parser.ParseFrom(bytes);
            foreach (var detail in details.Details)
            {
                if (detail.TryUnpack<ErrorInfo>(out var info) && info.Domain is ErrorReasons.Domain)
                    return info;
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // Malformed details are ignored. The status still applies.
        }

        return null;
    }

    private static ulong Number(ErrorInfo info, string key) =>
        info.Metadata.TryGetValue(key, out var text)
        && ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : 0;
}
