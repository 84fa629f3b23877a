using LogKit.Grpc.Errors;
using LogKit.Grpc.Guard;
using LogKit.Server.Observability;

namespace LogKit.Server.Security;

/// <summary>Ends calls that are not permitted by the current lists, and reports them in the journal.</summary>
internal sealed class AccessMiddleware(
    RequestDelegate next, AccessGate gate, AccessControl control, StrangerReports reports, ILogger<AccessMiddleware> journal)
{
    public Task InvokeAsync(HttpContext context) =>
        control.InvokeAsync(context, next, context => new Caller(context, gate), LogRefused);

    private void LogRefused(HttpContext context, Exception refusal)
    {
        if (reports.MaySay(StrangerEvent.CallRefused))
            journal.LogRefused(
                new ForeignText(context.Request.Path), context.Connection.RemoteIpAddress, new ForeignText(refusal.Message));
    }
}
