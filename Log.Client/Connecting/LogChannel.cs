using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;
using LogKit.V1;

namespace LogKit.Client.Connecting;

/// <summary>
/// Opens the channel of a log: how peers are trusted, chosen, kept and given up. Reads may be repeated by the channel, for they
/// change nothing; an append never is, for its answer may have been lost after it was stored.
/// </summary>
internal static class LogChannel
{
    private const int WindowBytes = 1024 * 1024; // it grows by itself; from this on, a batch need not wait for it to

    /// <exception cref="ArgumentException">The address or an option is wrong.</exception>
    public static GrpcChannel Open(string address, GrpcLogOptions options)
    {
        var servers = ServerAddress.Parse(address, options.UseTls || NeedsTls(options) is not null);
        if (!servers.IsTls && NeedsTls(options) is { } what)
            throw new ArgumentException($"{what} is for TLS only: the address '{address}' must be https://");
        if (!servers.IsTls && options.UseTls)
            throw new ArgumentException($"TLS is required: the address '{address}' must be https://");

        var proxy = servers.IsTls && servers.Target.Scheme == Uri.UriSchemeHttps ? ProxiedHandler.ProxyOf(servers.Target) : null;
        var serviceConfig = new ServiceConfig { MethodConfigs = { ReadRetries() } };
        if (proxy is null)
            serviceConfig.LoadBalancingConfigs.Add(new RoundRobinConfig());
        return GrpcChannel.ForAddress(servers.Target, new GrpcChannelOptions
        {
            MaxReceiveMessageSize = null, // the server's limit on batches is the limit
            HttpHandler = proxy is null ? Handler(options) : new ProxiedHandler(proxy, Handler(options)),
            DisposeHttpClient = true,
            Credentials = Credentials(servers.IsTls, options.Token),
            ServiceProvider = servers.Servers.Count > 0 ? new StaticServers(servers.Servers) : null,
            ServiceConfig = serviceConfig,
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(100),
            MaxReconnectBackoff = TimeSpan.FromSeconds(5), // a server that was started again is found soon
        });
    }

    private static string? NeedsTls(GrpcLogOptions options) => options switch
    {
        { Token: not null } => "a token",
        { CaFile: not null } => "a CA file",
        { CertificateFile: not null } or { KeyFile: not null } => "a client certificate",
        _ => null,
    };

    private static SocketsHttpHandler Handler(GrpcLogOptions options) => new()
    {
        SslOptions = TlsFiles.Load(options),

        // Plaintext HTTP/2 can't go through a proxy, whatever http_proxy or all_proxy say: a proxy forwards plaintext as HTTP/1.1. TLS can,
        // as the proxy then passes on bytes: see ProxiedHandler. Servers to choose from are reached directly.
        UseProxy = false,
        EnableMultipleHttp2Connections = true, // a connection carries some 100 calls, and each wait is one
        ConnectTimeout = TimeSpan.FromSeconds(10),
        InitialHttp2StreamWindowSize = WindowBytes,
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests, // a tail on a dead peer ends, instead of waiting for ever
        KeepAlivePingDelay = options.PingDelay,
        KeepAlivePingTimeout = options.PingTimeout,
    };

    private static ChannelCredentials Credentials(bool isTls, string? token)
    {
        if (token is null)
            return isTls ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure;
        if (token.Length == 0 || token.AsSpan().ContainsAnyExceptInRange('!', '~'))
            throw new ArgumentException("the token is wrong: it must be of visible ASCII characters, without spaces or line breaks");
        return ChannelCredentials.Create(ChannelCredentials.SecureSsl, CallCredentials.FromInterceptor((_, metadata) =>
        {
            metadata.Add("authorization", $"Bearer {token}");
            return Task.CompletedTask;
        }));
    }

    private static MethodConfig ReadRetries() => new()
    {
        Names = { NameOf(LogMethods.Consume), NameOf(LogMethods.GetRange) },
        RetryPolicy = new RetryPolicy
        {
            MaxAttempts = 4,
            InitialBackoff = TimeSpan.FromMilliseconds(100),
            MaxBackoff = TimeSpan.FromSeconds(1),
            BackoffMultiplier = 2,
            RetryableStatusCodes = { StatusCode.Unavailable },
        },
    };

    private static MethodName NameOf(IMethod method) => new() { Service = method.ServiceName, Method = method.Name };
}
