using LogKit.Grpc.Observability;
using LogKit.Server.Connections;
using LogKit.Server.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LogKit.Server.Health;

/// <summary>
/// Health checks for orchestrators, over plain HTTP/1.1 at a separate address (<c>Log:ManagementAddress</c>), so that neither certificates
/// nor callers that fill the main address get in the way. <c>/healthz</c> succeeds unless a restart is needed; <c>/readyz</c> succeeds
/// while calls are served. The log cannot be reached there.
/// </summary>
internal static class Management
{
    /// <summary>Enough for a few probes. Beyond it, the oldest connection is closed.</summary>
    private const int ConnectionLimit = 64;

    public static void Listen(KestrelServerOptions kestrel, ServerSettings settings)
    {
        if (settings.ManagementEndPoint is not { } endPoint)
            return;
        kestrel.Listen(endPoint, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            var limits = settings.Transport with { ConnectionLimit = ConnectionLimit };
            var gate = ActivatorUtilities.CreateInstance<ConnectionGate>(listen.ApplicationServices, limits);
            listen.Use(next => async connection =>
            {
                connection.Features.Set(ManagementConnection.Mark);
                await gate.AcceptAsync(connection, next);
            });
        });
    }

    /// <summary>Answers requests to the management address before anything that serves the log sees them.</summary>
    public static void UseIn(WebApplication app)
    {
        var log = app.Services.GetRequiredService<LogState>();
        app.Use((context, next) => context.Features.Get<ManagementConnection>() is null
            ? next(context) : AnswerAsync(context, log.IsReadOnly, app.Lifetime.ApplicationStopping.IsCancellationRequested));
    }

    private static Task AnswerAsync(HttpContext context, bool isReadOnly, bool isStopping)
    {
        var (status, text) = context.Request.Path.Value switch
        {
            "/healthz" => isReadOnly
                ? (StatusCodes.Status503ServiceUnavailable, "read-only until the server is restarted")
                : (StatusCodes.Status200OK, "ok"),
            "/readyz" when isReadOnly => (StatusCodes.Status503ServiceUnavailable, "read-only until the server is restarted"),
            "/readyz" => isStopping ? (StatusCodes.Status503ServiceUnavailable, "stopping") : (StatusCodes.Status200OK, "ok"),
            _ => (StatusCodes.Status404NotFound, "there is /healthz and /readyz"),
        };
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            (status, text) = (StatusCodes.Status405MethodNotAllowed, "GET it");
            context.Response.Headers.Allow = "GET, HEAD";
        }

        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync($"{text}\n", context.RequestAborted);
    }

    /// <summary>Marks a connection to the management address.</summary>
    private sealed class ManagementConnection
    {
        public static readonly ManagementConnection Mark = new();
    }
}
