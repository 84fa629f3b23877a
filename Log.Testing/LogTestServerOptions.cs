using LogKit.Grpc;
using Microsoft.AspNetCore.Builder;

namespace LogKit.Testing;

/// <summary>Options of a <see cref="LogTestServer"/>.</summary>
public sealed record LogTestServerOptions
{
    /// <summary>The limits of the service; the defaults if null.</summary>
    public LogKitOptions? Limits { get; init; }

    /// <summary>
    /// What each identity may do, one per line, in the format of the server's access file: <c>alice produce consume</c>. If set, the
    /// server uses TLS and refuses calls without a token: clients connect with <see cref="LogTestServer.ConnectAs"/>. Null, the default,
    /// means plaintext, and every call is permitted.
    /// </summary>
    public string? Access { get; init; }

    /// <summary>Called before the host is built, for example to add logging or an interceptor. Called again at each restart.</summary>
    public Action<WebApplicationBuilder>? ConfigureBuilder { get; init; }

    /// <summary>
    /// Called before the service is mapped, for example to add middleware or other services. Called again at each restart.
    /// </summary>
    public Action<WebApplication>? ConfigureApp { get; init; }
}
