using Grpc.Core;
using Grpc.Health.V1;
using LogKit.Grpc.Observability;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;
using V1Health = Grpc.Health.V1.Health;

namespace LogKit.Server.Health;

/// <summary>
/// <c>grpc.health.v1.Health</c> for the server (the empty name) and for <c>log.v1.Log</c>, which are healthy together: serving until
/// the server is told to stop or the log has become read-only. There is no way back: both end with the process.
/// </summary>
internal sealed class HealthService(LogState log, IHostApplicationLifetime lifetime) : V1Health.HealthBase
{
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        IsKnown(request.Service)
            ? Task.FromResult(Current())
            : throw new RpcException(new Status(StatusCode.NotFound, "the service is not known"));

    /// <summary>Sends the status at once and whenever it changes, and ends when the server stops, after saying so.</summary>
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

    // The token says so before any of its callbacks has run: so this is over before the first call is ended by the stop.
    private HealthCheckResponse Current() => Response(
        log.IsReadOnly || lifetime.ApplicationStopping.IsCancellationRequested ? ServingStatus.NotServing : ServingStatus.Serving);

    private static HealthCheckResponse Response(ServingStatus status) => new() { Status = status };
}
