using System.Diagnostics;
using Grpc.Core;
using Grpc.Core.Interceptors;
using LogKit.Grpc.Observability;

namespace LogKit.Grpc.Service;

/// <summary>Ends every call that fails with the status that <see cref="ErrorCatalogue"/> has for it.</summary>
internal sealed class ErrorInterceptor(
    ILogger<ErrorInterceptor> journal, IHostApplicationLifetime lifetime, LogHealth health, ServiceMetrics metrics) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context);
        }
        catch (Exception exception) when (exception is not StatusException)
        {
            throw ToStatus(exception, context);
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context);
        }
        catch (Exception exception) when (exception is not StatusException)
        {
            throw ToStatus(exception, context);
        }
    }

    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(requestStream, responseStream, context);
        }
        catch (Exception exception) when (exception is not StatusException)
        {
            throw ToStatus(exception, context);
        }
    }

    private StatusException ToStatus(Exception exception, ServerCallContext context)
    {
        if (context.CancellationToken.IsCancellationRequested)
            return new StatusException(new Status(StatusCode.Cancelled, "the call was cancelled"), []); // nobody is left to read it

        var status = StatusOf(exception, context);
        metrics.CountError(status);
        return status;
    }

    private StatusException StatusOf(Exception exception, ServerCallContext context)
    {
        if (exception is ObjectDisposedException && lifetime.ApplicationStopping.IsCancellationRequested)
            exception = new ServerStoppingException(); // the log was closed under a late call
        if (exception is LogReadOnlyException)
            health.ReportReadOnly();
        if (ErrorCatalogue.TryToStatus(exception) is { } status)
            return status;

        var traceId = Activity.Current?.TraceId.ToString() ?? context.GetHttpContext().TraceIdentifier;
        journal.LogUnexpected(exception, context.Method, traceId);
        return ErrorCatalogue.Internal(traceId);
    }
}
