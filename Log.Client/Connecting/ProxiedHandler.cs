namespace LogKit.Client.Connecting;

/// <summary>
/// Reaches a server through the proxy that the environment names for it (<c>https_proxy</c>, <c>all_proxy</c>, <c>no_proxy</c>), which
/// passes on bytes after a CONNECT request (RFC 9110, section 9.3.6). A failure to get through names the proxy.
/// </summary>
internal sealed class ProxiedHandler : DelegatingHandler
{
    private readonly Uri _proxy;

    // Set by any connection, and never reset.
    private volatile bool _hasConnected;

    /// <param name="proxy">What <see cref="ProxyOf"/> gave.</param>
    /// <param name="handler">This object's own from here on.</param>
    public ProxiedHandler(Uri proxy, SocketsHttpHandler handler)
        : base(handler)
    {
        _proxy = proxy;
        handler.PlaintextStreamFilter = (context, _) =>
        {
            _hasConnected |= context.NegotiatedHttpVersion.Major >= 2; // and not the connection to the proxy
            return ValueTask.FromResult(context.PlaintextStream);
        };

        handler.UseProxy = true;

        // The channel's own load balancing connects to servers directly, past the proxy; this is how it is switched off.
        handler.Properties["__GrpcLoadBalancingDisabled"] = true;
    }

    /// <summary>The proxy for a server; null if there is none.</summary>
    public static Uri? ProxyOf(Uri server) =>
        HttpClient.DefaultProxy is var proxies && !proxies.IsBypassed(server) && proxies.GetProxy(server) is { } proxy && proxy != server
            ? proxy
            : null;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (HttpRequestException exception) when (!_hasConnected || WasNotConnected(exception))
        {
            // Without a connection nothing was sent, whatever kept it from being made.
            var proxy = _proxy.GetComponents(UriComponents.Scheme | UriComponents.HostAndPort, UriFormat.UriEscaped); // without a password
            var reason = exception.GetBaseException().Message.TrimEnd('.', '"');
            throw new HttpRequestException(
                HttpRequestError.ProxyTunnelError, $"the proxy {proxy}, from the environment, did not connect: {reason}");
        }
    }

    private static bool WasNotConnected(HttpRequestException exception) => exception.HttpRequestError
        is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.ProxyTunnelError;
}
