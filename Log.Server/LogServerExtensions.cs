using LogKit.Grpc.Guard;
using LogKit.Server.Health;
using Microsoft.AspNetCore.Authorization;

namespace LogKit.Server;

/// <summary>Services next to <c>log.v1.Log</c>, for a host that uses <see cref="LogKit.Grpc.LogKitExtensions"/>.</summary>
public static class LogServerExtensions
{
    /// <summary>
    /// Maps <c>grpc.health.v1.Health</c> for the empty name and <c>log.v1.Log</c>. The status is NOT_SERVING once the host begins to stop,
    /// or once the log has refused an append as read-only. Anyone may call it.
    /// </summary>
    public static GrpcServiceEndpointConventionBuilder MapLogKitHealth(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return endpoints.MapGrpcService<HealthService>().WithMetadata(new AllowAnonymousAttribute()).WithGuard(endpoints);
    }

    /// <summary>Maps server reflection, v1 and v1alpha, so that tools find the methods and messages without the .proto file.</summary>
    public static void MapLogKitReflection(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        endpoints.MapGrpcService<ReflectionV1>().WithGuard(endpoints);
        endpoints.MapGrpcService<ReflectionV1Alpha>().WithGuard(endpoints);
    }
}
