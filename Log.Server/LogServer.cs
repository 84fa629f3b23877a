using System.Net.Sockets;
using System.Reflection;
using System.Runtime.InteropServices;
using LogKit.Grpc;
using LogKit.Grpc.Guard;
using LogKit.Grpc.Observability;
using LogKit.Server.Connections;
using LogKit.Server.Health;
using LogKit.Server.Observability;
using LogKit.Server.Security;
using LogKit.Server.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting.Systemd;

namespace LogKit.Server;

/// <summary>The complete server: reads its settings, opens its log, serves it until it is stopped, and closes it.</summary>
public static class LogServer
{
    private const int Success = 0;
    private const int Failure = 1;

    /// <summary>
    /// Runs the server with the arguments of the program: settings, or <c>--help</c>, <c>--version</c>, or <c>--health ADDRESS</c>. Returns
    /// once the server has stopped, on SIGTERM or SIGINT.
    /// </summary>
    /// <param name="args">The program's arguments.</param>
    /// <param name="backends">The backends, of which <c>Log:Backend</c> selects one. The first is the default.</param>
    /// <returns>
    /// The exit code of the program: 0, or 1 if the server could not start. In that case, one line on standard error says why.
    /// </returns>
    public static async Task<int> RunAsync(string[] args, params IReadOnlyList<ILogBackend> backends)
    {
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(backends);
        ArgumentOutOfRangeException.ThrowIfZero(backends.Count);
        if (args.Any(argument => argument is "--help" or "-h"))
        {
            await ServerArguments.WriteHelpAsync(Console.Out, new SettingTable(backends));
            return Success;
        }

        if (args is ["--version"])
        {
            await Console.Out.WriteLineAsync(Version);
            return Success;
        }

        try
        {
            if (args is ["--health", ..])
                return await HealthProbe.IsServingAsync(args is [_, var server] ? server : null) ? Success : Failure;
            await ServeAsync(args, backends);
            return Success;
        }
        catch (SettingException exception)
        {
            await Console.Error.WriteLineAsync($"error: {exception.Message}");
            return Failure;
        }
    }

    private static async Task ServeAsync(string[] args, IReadOnlyList<ILogBackend> backends)
    {
        var configuration = SettingSources.Read(ServerArguments.Read(args), out var file);
        var settings = ServerSettings.Read(configuration, backends);
        var (connectionLimit, reason) = DescriptorLimit.Apply(settings.Transport.ConnectionLimit, DescriptorLimit.Read());
        settings = settings with { Transport = settings.Transport with { ConnectionLimit = connectionLimit } };
        var builder = CreateBuilder();
        builder.Logging.AddJournal(settings.JournalFormat, configuration.GetSection(SettingSources.JournalSection));
        // TLS looks there for certificates of the user, and fails if HOME is not set.
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("HOME")))
            Environment.SetEnvironmentVariable("HOME", Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)); // at least "/"
        var security = new ServerSecurity(settings);
        security.AddTo(builder.Services);
        builder
            .Services.AddSingleton(settings.Transport)
            .AddSingleton<StrangerReports>()
            .AddSingleton<ConnectionMetrics>()
            .AddSingleton<ConnectionGate>();
        builder.Services.AddSingleton<IConnectionListenerFactory, BoundedListenerFactory>();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            settings.Transport.ApplyTo(kestrel.Limits);
            kestrel.Listen(settings.EndPoint, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                var gate = listen.ApplicationServices.GetRequiredService<ConnectionGate>();
                listen.Use(next => connection => gate.AcceptAsync(connection, next));
                security.Secure(listen);
                if (settings.IsTls)
                    listen.Use(next => connection => gate.RequireHttp2Async(connection, next));
            });
            Management.Listen(kestrel, settings);
        });

        var opened = await settings.Backend.OpenAsync(settings.Values);
        await using var log = opened.Log; // also closed if the server does not start
        builder.Services.AddLogKit(log, settings.Service);
        builder.Services.AddTelemetryExport(builder.Configuration, Version);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromMilliseconds(settings.Transport.StopLimitMs));
        await using var app = builder.Build();
        Management.UseIn(app);
        app.Use(app.Services.GetRequiredService<CallGuard>().InvokeAsync);
        security.UseIn(app);
        app.MapLogKit();
        app.MapLogKitHealth();
        app.MapLogKitReflection();
        app.Services.GetRequiredService<ServiceMetrics>(); // measures from the start, not from the first call
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            if (Console.IsOutputRedirected)
                app.Services.GetRequiredService<FileWatcher>().Request();
            else
                app.Lifetime.StopApplication(); // the terminal of the server was closed
        });
        await StartAsync(app, settings);
        var journal = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("LogKit");
        string[] addresses = [.. app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses];
        journal.ServerStarted(Version, addresses[0], security.Summary);
        if (addresses is [_, var management])
            journal.LogManagement(management);
        if (file is not null)
            journal.LogSettingsFile(file);
        if (reason is not null)
            journal.LogConnectionLimit(reason);
        opened.Report(journal);
        app.Services.GetRequiredService<LogEventReports>(); // reports events from now on, and those of the opening

        // Not AddSystemd, which checks that systemd is the parent process. Others (podman, for example) also provide the socket.
        var systemd = new SystemdNotifier();
        app.Lifetime.ApplicationStopping.Register(() => Notify(systemd, ServiceState.Stopping, "stopping", journal));
        Notify(systemd, ServiceState.Ready, "ready", journal);
        using var stopLimit = new CancellationTokenSource();
        app.Lifetime.ApplicationStopping.Register(() => stopLimit.CancelAfter(settings.Transport.StopLimitMs));
        await app.WaitForShutdownAsync();
        await opened.CloseAsync(stopLimit.Token);
        journal.LogStopped();
    }

    /// <summary>
    /// Creates a host without configuration sources of its own, so that no variable, file, or hosting startup can add to it, in particular
    /// no listener. It has only the variables of OpenTelemetry, whose libraries read them from the host.
    /// </summary>
    private static WebApplicationBuilder CreateBuilder()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions
        {
            ApplicationName = typeof(LogServer).Assembly.GetName().Name,
            ContentRootPath = AppContext.BaseDirectory,
            EnvironmentName = Environments.Production,
        });
        builder.Configuration.AddInMemoryCollection(SettingSources.Variables(TelemetryExport.VariablePrefix));
        builder.Services.AddRouting();
        return builder;
    }

    private static void Notify(SystemdNotifier systemd, ServiceState state, string name, ILogger journal)
    {
        try
        {
            systemd.Notify(state);
        }
        catch (SocketException exception)
        {
            journal.LogManagerNotTold(Environment.GetEnvironmentVariable("NOTIFY_SOCKET"), name, exception.SocketErrorCode);
        }
    }

    private static async Task StartAsync(WebApplication app, ServerSettings settings)
    {
        try
        {
            await app.StartAsync();
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            var problem =
                exception.InnerException is AddressInUseException
                    ? "the address is in use: stop the other server, or choose another port"
                    : exception.Message;
            var setting =
                settings.ManagementEndPoint is { } management && exception.Message.Contains($"{management}", StringComparison.Ordinal)
                    ? (Setting)SettingTable.ManagementAddress
                    : SettingTable.Address;
            throw settings.Values.Wrong(setting, problem);
        }
    }

    private static string Version { get; } =
        typeof(LogServer).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
