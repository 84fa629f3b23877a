using System.Diagnostics;
using Grpc.Core;
using LogKit.Grpc.Errors;
using LogKit.Grpc.Observability;

namespace LogKit.Grpc.Service;

/// <summary>
/// Ends failed calls with the status from <see cref="ErrorCatalog"/>. Not a gRPC interceptor, which would cost each waiting call three
/// state machines.
/// </summary>
internal sealed class ErrorBoundary(
    ILogger<ErrorBoundary> journal, IHostApplicationLifetime lifetime, LogEventReports reports, ServiceMetrics metrics)
{
    /// <summary>How far the timer of a deadline may be ahead of the clock.</summary>
    private static readonly TimeSpan ClockSlack = TimeSpan.FromMilliseconds(50);

    public async Task<T> EndAsync<T>(ValueTask<T> call, ServerCallContext context)
    {
        try
        {
            return await call;
        }
        catch (Exception exception) when (exception is not StatusException)
        {
            throw ToStatus(exception, context);
        }
    }

    public async Task EndAsync(Task call, ServerCallContext context)
    {
        try
        {
            await call;
        }
        catch (Exception exception) when (exception is not StatusException)
        {
            throw ToStatus(exception, context);
        }
    }

    private StatusException ToStatus(Exception exception, ServerCallContext context)
    {
        if (context.CancellationToken.IsCancellationRequested)
            return new StatusException(new Status(StatusCode.Cancelled, "the call was canceled"), []); // nobody reads it

        var status = StatusOf(exception, context);
        metrics.CountError(status);
        return status;
    }

    private StatusException StatusOf(Exception exception, ServerCallContext context)
    {
        if (exception is ObjectDisposedException && lifetime.ApplicationStopping.IsCancellationRequested)
            exception = new ServerStoppingException(); // the log was closed during a late call
        if (exception is LogReadOnlyException refusal)
            reports.SawReadOnly(refusal);
        if (ErrorCatalog.TryToStatus(exception) is { } status)
            return status;
        if (context.Deadline <= DateTime.UtcNow + ClockSlack)
            // gRPC has ended the call, so a write may fail before the token is canceled.
            return CallStatus.DeadlineExceeded();

        var traceId = TraceIdOf(context);
        journal.LogUnexpected(exception, context.Method, traceId);
        return ErrorCatalog.Internal(traceId);
    }

    /// <summary>
    /// The trace ID of the caller, if there is one, whether or not traces are recorded here; otherwise the request ID of the connection.
    /// </summary>
    private static string TraceIdOf(ServerCallContext context)
    {
        if (Activity.Current is { } call)
            return call.TraceId.ToString();
        var http = context.GetHttpContext();
        return ActivityContext.TryParse(http.Request.Headers.TraceParent, traceState: null, out var caller)
            ? caller.TraceId.ToString()
            : http.TraceIdentifier;
    }
}
