namespace LogKit.Client.Connecting;

/// <summary>
/// Connects to a server through the proxy that is configured in the environment (<c>https_proxy</c>, <c>all_proxy</c>, <c>no_proxy</c>),
/// which forwards bytes after a CONNECT request (RFC 9110, section 9.3.6). Errors name the proxy.
/// </summary>
internal sealed class ProxiedHandler : DelegatingHandler
{
    private readonly Uri _proxy;

    // Set by any connection, never reset.
    private volatile bool _hasConnected;

    /// <param name="proxy">The result of <see cref="ProxyOf"/>.</param>
    /// <param name="handler">The inner handler, which this object now owns.</param>
    public ProxiedHandler(Uri proxy, SocketsHttpHandler handler)
        : base(handler)
    {
        _proxy = proxy;
        handler.PlaintextStreamFilter = (context, _) =>
        {
            _hasConnected |= context.NegotiatedHttpVersion.Major >= 2; // not the connection to the proxy itself
            return ValueTask.FromResult(context.PlaintextStream);
        };

        handler.UseProxy = true;
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
        catch (HttpRequestException exception) when (!_hasConnected || WasNotReached(exception))
        {
            // Without a connection, nothing was sent, whatever the reason.
            var proxy = _proxy.GetComponents(UriComponents.Scheme | UriComponents.HostAndPort, UriFormat.UriEscaped); // without a password
            var reason = exception.GetBaseException().Message.TrimEnd('.', '"');
            throw new HttpRequestException(
                HttpRequestError.ProxyTunnelError, $"the proxy {proxy}, from the environment, did not connect: {reason}");
        }
    }

    /// <summary>Whether the proxy did not connect. A handshake that fails is with the server, beyond the proxy.</summary>
    private static bool WasNotReached(HttpRequestException exception) =>
        ServersHandler.WasNotConnected(exception) && exception.HttpRequestError is not HttpRequestError.SecureConnectionError;
}
