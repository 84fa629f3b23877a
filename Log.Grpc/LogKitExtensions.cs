using Grpc.AspNetCore.Server.Model;
using LogKit.Grpc.Guard;
using LogKit.Grpc.Observability;
using LogKit.Grpc.Service;
using LogKit.Grpc.Streams;
using Microsoft.AspNetCore.Server.Kestrel.Core;
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
    /// <summary>Adds the service over an existing log, which the host does not dispose.</summary>
    /// <remarks>
    /// Sets the HTTP/2 windows of Kestrel: 256 KiB per stream, and for a connection as much for each stream that it may have, so that a
    /// call that waits for memory does not block other calls on its connection.
    /// </remarks>
    /// <param name="services">The services of the host.</param>
    /// <param name="log">The log. Dispose it after the host has stopped.</param>
    /// <param name="options">The limits; the defaults if null.</param>
    public static IServiceCollection AddLogKit(this IServiceCollection services, ILog log, LogKitOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(log);
        services.AddSingleton(log);
        return services.AddService(options ?? new LogKitOptions());
    }

    /// <summary>Adds the service over a log that is created on first use and disposed with the host.</summary>
    /// <remarks>Sets the HTTP/2 windows of Kestrel, like the other overload.</remarks>
    /// <param name="services">The services of the host.</param>
    /// <param name="makeLog">Creates the log. Called once.</param>
    /// <param name="options">The limits; the defaults if null.</param>
    public static IServiceCollection AddLogKit(
        this IServiceCollection services, Func<IServiceProvider, ILog> makeLog, LogKitOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(makeLog);
        services.AddSingleton(makeLog);
        return services.AddService(options ?? new LogKitOptions());
    }

    /// <summary>
    /// Maps the service. The listener must support HTTP/2. With TLS, it does by default; without TLS, it must be HTTP/2 only.
    /// </summary>
    public static GrpcServiceEndpointConventionBuilder MapLogKit(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return endpoints.MapGrpcService<LogService>().WithGuard(endpoints);
    }

    private static IServiceCollection AddService(this IServiceCollection services, LogKitOptions limits)
    {
        services.AddGrpc().AddServiceOptions<LogService>(options =>
        {
            options.MaxReceiveMessageSize = limits.MessageLimitBytes;
            options.MaxSendMessageSize = null; // the log's limit on batches applies
            options.CompressionProviders = [.. CheckedCompression.All(limits.MessageLimitBytes)];
        });
        services.PostConfigure<KestrelServerOptions>(kestrel => CallGuard.SetWindows(kestrel.Limits.Http2));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IServiceMethodProvider<LogService>, LogServiceBinder>());
        services.AddSingleton(limits);
        services.AddSingleton<CallGuard>();
        services.AddSingleton<AccessControl>();
        services.AddSingleton<LiveStreams>();
        services.AddMetrics();
        services.AddSingleton<ServiceMetrics>();
        services.AddSingleton<LogState>();
        services.AddSingleton<LogEventReports>();
        services.AddSingleton<LogService>();
        services.AddSingleton<ErrorBoundary>();
        return services;
    }
}
