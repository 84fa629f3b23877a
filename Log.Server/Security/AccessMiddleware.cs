using LogKit.Grpc.Access;
using LogKit.Grpc.Errors;
using LogKit.Grpc.Guard;
using LogKit.Grpc.Observability;
using LogKit.Server.Observability;
using Microsoft.AspNetCore.Authorization;

namespace LogKit.Server.Security;

/// <summary>
/// Ends calls that are not permitted, with a status, before any of their body is read. Endpoints that anyone may call have
/// <see cref="IAllowAnonymous"/> metadata; methods of the service have the required action in their metadata.
/// </summary>
internal sealed class AccessMiddleware(
    RequestDelegate next,
    AccessGate gate,
    CallGuard guard,
    ServiceMetrics metrics,
    StrangerReports reports,
    ILogger<AccessMiddleware> journal)
{
    public Task InvokeAsync(HttpContext context)
    {
        var metadata = context.GetEndpoint()?.Metadata;
        if (metadata?.GetMetadata<IAllowAnonymous>() is not null)
            return next(context);

        var caller = new Caller(context, gate);
        if (caller.RefusalOf(metadata?.GetMetadata<RequiredAction>()?.Action ?? LogActions.None) is { } refusal)
        {
            if (reports.MaySay(StrangerEvent.CallRefused))
                journal.LogRefused(
                    new ForeignText(context.Request.Path), context.Connection.RemoteIpAddress, new ForeignText(refusal.Message));
            return EndAsync(context, ErrorCatalog.ToStatus(refusal));
        }

        context.Features.Set<ICaller>(caller);
        try
        {
            if (GuardedCall.Of(context) is { } call)
                guard.LetIn(call);
        }
        catch (StatusException status)
        {
            return EndAsync(context, status);
        }

        return next(context);
    }

    private Task EndAsync(HttpContext context, StatusException status)
    {
        metrics.CountError(status);
        status.EndCall(context);
        return Task.CompletedTask;
    }
}
