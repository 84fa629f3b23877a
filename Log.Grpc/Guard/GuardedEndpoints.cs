namespace LogKit.Grpc.Guard;

/// <summary>Puts the guard around the endpoints of a service.</summary>
internal static class GuardedEndpoints
{
    /// <summary>Puts the guard around each method of a service. Determines the kind of each method once.</summary>
    public static GrpcServiceEndpointConventionBuilder WithGuard(
        this GrpcServiceEndpointConventionBuilder service, IEndpointRouteBuilder endpoints)
    {
        var guard = endpoints.ServiceProvider.GetRequiredService<CallGuard>();
        service.Finally(endpoint =>
        {
            var kind = CallKind.Of(endpoint.Metadata);
            endpoint.Metadata.Add(kind);
            if (endpoint.RequestDelegate is { } next)
                endpoint.RequestDelegate = guard.Around(next, kind);
        });
        return service;
    }
}
