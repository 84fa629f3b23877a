using System.Globalization;
using LogKit.Grpc.Observability;
using LogKit.Grpc.Service;
using Microsoft.AspNetCore.Authorization;

namespace LogKit.Grpc.Security;

/// <summary>
/// Stands before every endpoint: a call that is not permitted ends here, with its status and before any of its body is read.
/// Endpoints that anybody may call say so (<see cref="IAllowAnonymous"/>); what a method of the service takes is in its metadata.
/// </summary>
internal sealed class AccessMiddleware(RequestDelegate next, AccessGate gate, ServiceMetrics metrics, ILogger<AccessMiddleware> journal)
{
    public Task InvokeAsync(HttpContext context)
    {
        var metadata = context.GetEndpoint()?.Metadata;
        if (metadata?.GetMetadata<IAllowAnonymous>() is not null)
            return next(context);

        var caller = Caller.Of(context);
        if (gate.RefusalOf(caller, metadata?.GetMetadata<RequiredAction>()?.Action ?? LogActions.None) is { } refusal)
        {
            var remote = context.Connection.RemoteIpAddress;
            journal.LogRefused(context.Request.Path, remote, refusal.Message);
            var status = ErrorCatalogue.ToStatus(refusal);
            metrics.CountError(status);
            End(context, status);
            return Task.CompletedTask;
        }

        context.Features.Set(caller);
        return next(context);
    }

    private static void End(HttpContext context, StatusException status)
    {
        context.Response.ContentType = "application/grpc";
        context.Response.AppendTrailer("grpc-status", ((int)status.StatusCode).ToString(CultureInfo.InvariantCulture));
        context.Response.AppendTrailer("grpc-message", Uri.EscapeDataString(status.Status.Detail));
        foreach (var entry in status.Trailers)
            context.Response.AppendTrailer(entry.Key, entry.IsBinary ? Convert.ToBase64String(entry.ValueBytes) : entry.Value);
    }
}
