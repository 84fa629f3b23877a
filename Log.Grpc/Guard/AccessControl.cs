using LogKit.Grpc.Access;
using LogKit.Grpc.Errors;
using LogKit.Grpc.Observability;
using Microsoft.AspNetCore.Authorization;

namespace LogKit.Grpc.Guard;

/// <summary>
/// Ends calls that are not permitted, with a status, before any of their body is read. Endpoints that anyone may call have
/// <see cref="IAllowAnonymous"/> metadata; methods of the service have the required action in their metadata.
/// </summary>
internal sealed class AccessControl(CallGuard guard, ServiceMetrics metrics)
{
    /// <summary>Passes a call on if its caller is permitted to make it.</summary>
    /// <param name="context">The call.</param>
    /// <param name="next">The rest of the pipeline.</param>
    /// <param name="identify">Identifies the caller.</param>
    /// <param name="refused">Told about a call that is not permitted.</param>
    public Task InvokeAsync(
        HttpContext context, RequestDelegate next, Func<HttpContext, ICaller> identify, Action<HttpContext, Exception>? refused = null)
    {
        var metadata = context.GetEndpoint()?.Metadata;
        if (metadata?.GetMetadata<IAllowAnonymous>() is not null)
            return next(context);

        var caller = identify(context);
        if (caller.RefusalOf(metadata?.GetMetadata<RequiredAction>()?.Action ?? LogActions.None) is { } refusal)
        {
            refused?.Invoke(context, refusal);
            return EndAsync(context, ErrorCatalog.ToStatus(refusal));
        }

        context.Features.Set(caller);
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
