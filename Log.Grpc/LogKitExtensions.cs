using Grpc.AspNetCore.Server.Model;
using Grpc.Health.V1;
using Grpc.Reflection;
using LogKit.Grpc.Guard;
using LogKit.Grpc.Observability;
using LogKit.Grpc.Service;
using Microsoft.AspNetCore.Authorization;
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
    /// <summary>Adds the service over a log that stays the caller's: the host does not dispose it.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="log">To be disposed once the host has stopped.</param>
    /// <param name="options">The limits; the defaults where there are none.</param>
    public static IServiceCollection AddLogKit(this IServiceCollection services, ILog log, LogKitOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(log);
        services.AddSingleton(log);
        return services.AddService(options ?? new LogKitOptions());
    }

    /// <summary>Adds the service over a log that is made on first use, and disposed with the host.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="makeLog">Makes the log, once.</param>
    /// <param name="options">The limits; the defaults where there are none.</param>
    public static IServiceCollection AddLogKit(this IServiceCollection services, Func<IServiceProvider, ILog> makeLog, LogKitOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(makeLog);
        services.AddSingleton(makeLog);
        return services.AddService(options ?? new LogKitOptions());
    }

    /// <summary>Maps the service. The listener must speak HTTP/2: over TLS it does by itself, without TLS it must be HTTP/2 only.</summary>
    public static GrpcServiceEndpointConventionBuilder MapLogKit(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return Guarded(endpoints, endpoints.MapGrpcService<LogService>());
    }

    /// <summary>
    /// Maps <c>grpc.health.v1.Health</c> for the empty name and <c>log.v1.Log</c>: NOT_SERVING from the moment that the host begins to
    /// stop, or that the log has refused an append as read-only. Anybody may ask.
    /// </summary>
    public static GrpcServiceEndpointConventionBuilder MapLogKitHealth(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var health = endpoints.MapGrpcService<LogHealth>();
        health.WithMetadata(new AllowAnonymousAttribute());
        return Guarded(endpoints, health);
    }

    /// <summary>Maps server reflection, v1 and v1alpha, so that tools find the methods and messages without the .proto.</summary>
    public static void MapLogKitReflection(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        Guarded(endpoints, endpoints.MapGrpcService<ReflectionV1ServiceImpl>());
        Guarded(endpoints, endpoints.MapGrpcService<ReflectionServiceImpl>());
    }

    /// <summary>Puts the guard around each method of a service, with its kind found once, here.</summary>
    private static GrpcServiceEndpointConventionBuilder Guarded(IEndpointRouteBuilder endpoints, GrpcServiceEndpointConventionBuilder service)
    {
        var guard = endpoints.ServiceProvider.GetRequiredService<CallGuard>();
        service.Finally(endpoint =>
        {
            var kind = CallKind.Of(endpoint.Metadata);
            endpoint.Metadata.Add(kind);
            if (endpoint.RequestDelegate is { } next)
                endpoint.RequestDelegate = guard.Around(next, kind);
        });
        return service;
    }

    private static IServiceCollection AddService(this IServiceCollection services, LogKitOptions limits)
    {
        services.AddGrpc().AddServiceOptions<LogService>(options =>
        {
            options.MaxReceiveMessageSize = limits.MessageLimitBytes;
            options.MaxSendMessageSize = null; // the log's limit on batches is the limit
            options.CompressionProviders = [.. CheckedCompression.All(limits.MessageLimitBytes)];
        });
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IServiceMethodProvider<LogService>, LogServiceMethods>());
        services.AddSingleton(limits);
        services.AddSingleton<CallGuard>();
        services.AddSingleton<LiveStreams>();
        services.AddMetrics();
        services.AddSingleton<ServiceMetrics>();
        services.AddSingleton<LogHealth>();
        services.AddSingleton<LogEventReports>();
        services.AddSingleton(new ReflectionV1ServiceImpl(V1.Log.Descriptor, Health.Descriptor));
        services.AddSingleton(new ReflectionServiceImpl(V1.Log.Descriptor, Health.Descriptor));
        services.AddSingleton<LogService>();
        services.AddSingleton<ErrorBoundary>();
        return services;
    }
}
