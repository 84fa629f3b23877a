using Grpc.Core;
using Grpc.Health.V1;
using LogKit.Grpc.Observability;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;
using V1Health = Grpc.Health.V1.Health;

namespace LogKit.Server.Health;

/// <summary>
/// <c>grpc.health.v1.Health</c> for the server (the empty name) and for <c>log.v1.Log</c>, which have the same status: serving until the
/// server
/// begins to stop or the log becomes read-only. Both conditions last until the process ends.
/// </summary>
internal sealed class HealthService(LogState log, IHostApplicationLifetime lifetime) : V1Health.HealthBase
{
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        IsKnown(request.Service)
            ? Task.FromResult(Current())
            : throw new RpcException(new Status(StatusCode.NotFound, "unknown service"));

    /// <summary>Sends the status immediately and whenever it changes. Ends when the server stops, after reporting that.</summary>
    public override async Task Watch(
        HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responses, ServerCallContext context)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        var stopped = Task.Delay(Timeout.Infinite, ending.Token);
        if (!IsKnown(request.Service))
        {
            await responses.WriteAsync(Response(ServingStatus.ServiceUnknown), context.CancellationToken);
            await stopped.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return;
        }

        var sent = Current();
        await responses.WriteAsync(sent, context.CancellationToken);
        await Task.WhenAny(log.ReadOnly, stopped);
        if (sent.Status is ServingStatus.Serving && !context.CancellationToken.IsCancellationRequested)
            await responses.WriteAsync(Response(ServingStatus.NotServing), context.CancellationToken);
        await stopped.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static bool IsKnown(string service) =>
        service.Length == 0 || service.Equals(V1.Log.Descriptor.FullName, StringComparison.Ordinal);

    // The token is canceled before any of its callbacks run, so this is reported before the stop ends the first call.
    private HealthCheckResponse Current() => Response(
        log.IsReadOnly || lifetime.ApplicationStopping.IsCancellationRequested ? ServingStatus.NotServing : ServingStatus.Serving);

    private static HealthCheckResponse Response(ServingStatus status) => new() { Status = status };
}
