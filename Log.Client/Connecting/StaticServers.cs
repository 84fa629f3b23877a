using Grpc.Net.Client.Balancer;

namespace LogKit.Client.Connecting;

/// <summary>Provides a list of servers to a channel, in the only form that it accepts.</summary>
internal sealed class StaticServers(IReadOnlyList<Uri> servers) : IServiceProvider
{
    private readonly ResolverFactory[] _resolvers =
        [new StaticResolverFactory(_ => servers.Select(server => new BalancerAddress(server.IdnHost, server.Port)).ToList())];

    public object? GetService(Type serviceType) => serviceType == typeof(IEnumerable<ResolverFactory>) ? _resolvers : null;
}
