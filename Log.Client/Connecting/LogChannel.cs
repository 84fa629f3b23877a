using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;
using LogKit.V1;

namespace LogKit.Client.Connecting;

/// <summary>
/// Opens the channel of a log and configures TLS, load balancing, keep-alive, and retries. The channel may retry reads, which change
/// nothing. It never retries an append, whose answer may have been lost after it was stored.
/// </summary>
internal static class LogChannel
{
    private const int WindowBytes = 1024 * 1024; // initial size; large enough that a batch need not wait for the window to grow

    /// <exception cref="ArgumentException">The address or an option is invalid.</exception>
    public static GrpcChannel Open(string address, GrpcLogOptions options)
    {
        var servers = ServerAddress.Parse(address, options.UseTls || NeedsTls(options) is not null);
        if (!servers.IsTls && NeedsTls(options) is { } what)
            throw new ArgumentException($"{what} requires TLS: the address '{address}' must be https://");
        if (!servers.IsTls && options.UseTls)
            throw new ArgumentException($"TLS is required: the address '{address}' must be https://");

        return GrpcChannel.ForAddress(servers.Servers[0], new GrpcChannelOptions
        {
            MaxReceiveMessageSize = null, // the server's limit on batches applies
            HttpHandler = Handler(servers, Handler(options)),
            DisposeHttpClient = true,
            Credentials = Credentials(servers.IsTls, options.Token),
            ServiceConfig = new ServiceConfig { MethodConfigs = { ReadRetries() } },
        });
    }

    private static HttpMessageHandler Handler(ServerAddress address, SocketsHttpHandler handler)
    {
        if (address.IsDns)
            return new ServersHandler(new DnsServers(address.Servers[0]).GetAsync, handler);
        if (address.Servers is not [var only])
        {
            IReadOnlyList<ServersHandler.Server> servers = [.. address.Servers.Select(server => new ServersHandler.Server(server))];
            return new ServersHandler(_ => ValueTask.FromResult(servers), handler);
        }

        var proxy = address.IsTls ? ProxiedHandler.ProxyOf(only) : null;
        return proxy is null ? handler : new ProxiedHandler(proxy, handler);
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
        Properties = { ["__GrpcLoadBalancingDisabled"] = true }, // see ServersHandler
        SslOptions = TlsFiles.Load(options),

        // Plaintext HTTP/2 cannot use a proxy, because a proxy forwards plaintext as HTTP/1.1. TLS can, because the proxy
        // forwards bytes: see ProxiedHandler. If there are several servers, they are reached directly.
        UseProxy = false,
        EnableMultipleHttp2Connections = true, // a connection carries about 100 calls, and each wait is a call
        ConnectTimeout = TimeSpan.FromSeconds(10),
        InitialHttp2StreamWindowSize = WindowBytes,
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests, // ends a tail on a dead peer
        KeepAlivePingDelay = options.PingDelay,
        KeepAlivePingTimeout = options.PingTimeout,
    };

    private static ChannelCredentials Credentials(bool isTls, string? token)
    {
        if (token is null)
            return isTls ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure;
        if (token.Length == 0 || token.AsSpan().ContainsAnyExceptInRange('!', '~'))
            throw new ArgumentException("invalid token: it must consist of visible ASCII characters, without spaces or line breaks");
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
