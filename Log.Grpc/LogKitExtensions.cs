using Grpc.AspNetCore.Server.Model;
using LogKit.Grpc.Service;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace LogKit.Grpc;

/// <summary>Hosts the service <c>log.v1.Log</c> over a log of your own, in two calls.</summary>
/// <example>
/// <code>
/// var builder = WebApplication.CreateBuilder(args);
/// builder.Services.AddLogKit(myLog);
/// var app = builder.Build();
/// app.MapLogKit();
/// app.Run();
/// </code>
/// </example>
public static class LogKitExtensions
{
    /// <summary>
    /// What the largest message may add to the largest batch. A batch over the log's own limit must reach the log, which refuses it
    /// with the limit; only what is far over it is refused by the transport.
    /// </summary>
    private const int MessageLimitBytes = 16 * 1024 * 1024;

    /// <summary>Adds the service over a log that the caller owns, and disposes once the host has stopped.</summary>
    public static IServiceCollection AddLogKit(this IServiceCollection services, ILog log)
    {
        ArgumentNullException.ThrowIfNull(log);
        return services.AddLogKit(_ => log);
    }

    /// <summary>Adds the service over a log that is made on first use, and disposed with the host.</summary>
    public static IServiceCollection AddLogKit(this IServiceCollection services, Func<IServiceProvider, ILog> makeLog)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(makeLog);
        services.AddGrpc().AddServiceOptions<LogService>(options =>
        {
            options.Interceptors.Add<ErrorInterceptor>();
            options.MaxReceiveMessageSize = MessageLimitBytes;
            options.MaxSendMessageSize = null; // the log's limit on batches is the limit
        });
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IServiceMethodProvider<LogService>, LogServiceMethods>());
        services.AddSingleton(makeLog);
        services.AddSingleton<LogService>();
        services.AddSingleton<ErrorInterceptor>();
        return services;
    }

    /// <summary>Maps the service. The listener must speak HTTP/2: over TLS it does by itself, without TLS it must be HTTP/2 only.</summary>
    public static GrpcServiceEndpointConventionBuilder MapLogKit(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return endpoints.MapGrpcService<LogService>();
    }
}
