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
    /// The default limit on a request. Well over what the built-in logs take, so that a batch over a log's own limit reaches the log,
    /// which refuses it with that limit; only what is far over it is refused by the transport.
    /// </summary>
    public const int DefaultMessageLimitBytes = 16 * 1024 * 1024;

    /// <summary>Adds the service over a log that stays the caller's: the host does not dispose it.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="log">To be disposed once the host has stopped.</param>
    /// <param name="messageLimitBytes">The largest request that is taken, in bytes; has to be over the largest batch that the log takes.</param>
    public static IServiceCollection AddLogKit(this IServiceCollection services, ILog log, int messageLimitBytes = DefaultMessageLimitBytes)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(log);
        services.AddSingleton(log);
        return services.AddService(messageLimitBytes);
    }

    /// <summary>Adds the service over a log that is made on first use, and disposed with the host.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="makeLog">Makes the log, once.</param>
    /// <param name="messageLimitBytes">The largest request that is taken, in bytes; has to be over the largest batch that the log takes.</param>
    public static IServiceCollection AddLogKit(
        this IServiceCollection services, Func<IServiceProvider, ILog> makeLog, int messageLimitBytes = DefaultMessageLimitBytes)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(makeLog);
        services.AddSingleton(makeLog);
        return services.AddService(messageLimitBytes);
    }

    /// <summary>Maps the service. The listener must speak HTTP/2: over TLS it does by itself, without TLS it must be HTTP/2 only.</summary>
    public static GrpcServiceEndpointConventionBuilder MapLogKit(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return endpoints.MapGrpcService<LogService>();
    }

    private static IServiceCollection AddService(this IServiceCollection services, int messageLimitBytes)
    {
        services.AddGrpc().AddServiceOptions<LogService>(options =>
        {
            options.Interceptors.Add<ErrorInterceptor>();
            options.MaxReceiveMessageSize = messageLimitBytes;
            options.MaxSendMessageSize = null; // the log's limit on batches is the limit
        });
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IServiceMethodProvider<LogService>, LogServiceMethods>());
        services.AddSingleton<LogService>();
        services.AddSingleton<ErrorInterceptor>();
        return services;
    }
}
