using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace LogKit.Client.Connecting;

/// <summary>
/// The servers that a DNS name resolves to. The name is resolved again when the answer is old, or when a server cannot be reached.
/// </summary>
/// <param name="name">A URL with the name.</param>
internal sealed class DnsServers(Uri name)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LifetimeInTrouble = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();

    // Guarded by _gate.
    private Task? _resolving;

    // Written by the one resolution that runs, _resolvedAt last.
    private volatile IReadOnlyList<ServersHandler.Server> _servers = [];
    private long _resolvedAt;

    private bool IsCurrent
    {
        get
        {
            var lifetime = _servers.Any(server => server.IsPausing) ? LifetimeInTrouble : Lifetime;
            return _servers.Count > 0 && Stopwatch.GetElapsedTime(Volatile.Read(ref _resolvedAt)) < lifetime;
        }
    }

    /// <exception cref="HttpRequestException">The name has never been resolved.</exception>
    public async ValueTask<IReadOnlyList<ServersHandler.Server>> GetAsync(CancellationToken cancellationToken)
    {
        if (IsCurrent)
            return _servers;
        Task resolving;
        lock (_gate)
        {
            if (_resolving is null or { IsCompleted: true })
                _resolving = ResolveAsync();
            resolving = _resolving;
        }

        await resolving.WaitAsync(cancellationToken).ConfigureAwait(false);
        return _servers;
    }

    private async Task ResolveAsync()
    {
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(name.IdnHost, CancellationToken.None).ConfigureAwait(false);
            var known = _servers.ToDictionary(server => server.Address);
            IReadOnlyList<ServersHandler.Server> servers =
            [
                .. addresses
                    .Select(address => new UriBuilder(name) { Host = $"{address}" }.Uri)
                    .Distinct()
                    .Select(address => known.GetValueOrDefault(address) ?? new ServersHandler.Server(address, name.Authority)),
            ];
            if (servers.Count == 0)
                throw new SocketException((int)SocketError.NoData);
            _servers = servers;
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            // What was known last is better than nothing.
            if (_servers.Count == 0)
                throw new HttpRequestException(HttpRequestError.NameResolutionError, $"{exception.Message} ({name.Authority})", exception);
        }

        Volatile.Write(ref _resolvedAt, Stopwatch.GetTimestamp());
    }
}
