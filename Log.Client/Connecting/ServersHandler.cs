using System.Diagnostics;

namespace LogKit.Client.Connecting;

/// <summary>
/// Distributes calls over the servers of a log, round robin. A call that cannot connect to one server goes to the next, because nothing
/// was sent. The server that failed comes last until a pause is over, which doubles with each failure.
/// </summary>
/// <remarks>
/// The load balancer of Grpc.Net.Client 2.85 is not used: after a connection is cut while others are being made, it may never connect
/// again, and calls without a deadline then never end.
/// </remarks>
internal sealed class ServersHandler : DelegatingHandler
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5); // finds a restarted server soon

    private readonly Func<CancellationToken, ValueTask<IReadOnlyList<Server>>> _servers;
    private uint _calls;

    /// <param name="servers">Gets the servers to choose from, at least one.</param>
    /// <param name="handler">The inner handler, which this object now owns.</param>
    public ServersHandler(Func<CancellationToken, ValueTask<IReadOnlyList<Server>>> servers, HttpMessageHandler handler)
        : base(handler)
    {
        _servers = servers;
    }

    /// <summary>Whether no connection could be established, so that nothing was sent.</summary>
    public static bool WasNotConnected(HttpRequestException exception) => exception.HttpRequestError
        is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError
            or HttpRequestError.ProxyTunnelError;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var servers = await _servers(cancellationToken).ConfigureAwait(false);
        var path = request.RequestUri!.AbsolutePath;
        var turn = (int)(Interlocked.Increment(ref _calls) % (uint)servers.Count);
        HttpRequestException? failure = null;
        foreach (var server in servers.Skip(turn).Concat(servers.Take(turn)).OrderBy(server => server.IsPausing)) // keeps the turns
        {
            request.RequestUri = new Uri(server.Address, path);
            request.Headers.Host = server.Host;
            try
            {
                var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
                server.Resume();
                return response;
            }
            catch (HttpRequestException exception) when (WasNotConnected(exception))
            {
                server.Pause();
                failure = exception;
            }
        }

        throw failure!;
    }

    /// <summary>A server of the log.</summary>
    /// <param name="address">Where to connect.</param>
    /// <param name="host">The host and port that its certificate and requests name; null if those of the address.</param>
    internal sealed class Server(Uri address, string? host = null)
    {
        // Written by any call, without a lock: a lost update makes a pause shorter or longer.
        private long _pausedAt;
        private long _pauseTicks; // the longest that the pause may be
        private long _thisPauseTicks; // minus a random part, so that clients do not return together

        public Uri Address => address;

        public string? Host => host;

        public bool IsPausing =>
            Volatile.Read(ref _thisPauseTicks) is > 0 and var pause
            && Stopwatch.GetElapsedTime(Volatile.Read(ref _pausedAt)).Ticks < pause;

        public void Pause()
        {
            var pause = Math.Clamp(Volatile.Read(ref _pauseTicks) * 2, ShortestPause.Ticks, LongestPause.Ticks);
            Volatile.Write(ref _pauseTicks, pause);
            Volatile.Write(ref _thisPauseTicks, (long)(pause * (0.5 + (Random.Shared.NextDouble() / 2))));
            Volatile.Write(ref _pausedAt, Stopwatch.GetTimestamp());
        }

        public void Resume()
        {
            Volatile.Write(ref _pauseTicks, 0);
            Volatile.Write(ref _thisPauseTicks, 0);
        }
    }
}
