using System.Net.Sockets;
using System.Reflection;
using System.Runtime.InteropServices;
using LogKit.Disk;
using LogKit.Grpc.Guard;
using LogKit.Grpc.Hosting.Connections;
using LogKit.Grpc.Observability;
using LogKit.Grpc.Security;
using LogKit.InMemory;
using LogKit.Postgres;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting.Systemd;

namespace LogKit.Grpc.Hosting;

/// <summary>The deployable server: reads its settings, opens its log, serves it until it is told to stop, and closes it.</summary>
internal static class Server
{
    private const int Success = 0;
    private const int Failure = 1;

    /// <summary>Runs the server. What keeps it from starting is one line on the standard error, and exit code 1.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args.Any(argument => argument is "--help" or "-h"))
        {
            await ServerArguments.WriteHelpAsync(Console.Out);
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
            await ServeAsync(args);
            return Success;
        }
        catch (SettingException exception)
        {
            await Console.Error.WriteLineAsync($"error: {exception.Message}");
            return Failure;
        }
    }

    private static async Task ServeAsync(string[] args)
    {
        var configuration = SettingSources.Read(ServerArguments.Read(args), out var file);
        var settings = ServerSettings.Read(configuration);
        var (connectionLimit, reason) = DescriptorLimit.Apply(settings.Transport.ConnectionLimit, DescriptorLimit.Read());
        settings = settings with { Transport = settings.Transport with { ConnectionLimit = connectionLimit } };
        var builder = CreateBuilder();
        builder.Logging.AddJournal(settings.JournalFormat, configuration.GetSection(SettingSources.JournalSection));
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("HOME"))) // TLS looks there for certificates of the user's, and fails without a place to look
            Environment.SetEnvironmentVariable("HOME", Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)); // at least "/"
        var security = new ServerSecurity(settings);
        security.AddTo(builder.Services);
        builder.Services.AddSingleton(settings.Transport).AddSingleton<StrangerReports>().AddSingleton<ConnectionMetrics>().AddSingleton<ConnectionGate>();
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

        await using var log = await OpenLogAsync(settings);
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
        app.Services.GetRequiredService<ServiceMetrics>(); // measured from the start, not from the first call on
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            if (Console.IsOutputRedirected)
                app.Services.GetRequiredService<FileWatch>().Request();
            else
                app.Lifetime.StopApplication(); // the terminal that the server was started from is gone
        });
        await StartAsync(app, settings);
        var journal = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("LogKit");
        string[] addresses = [.. app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses];
        journal.LogStarted(Version, addresses[0], security.Summary);
        if (addresses is [_, var management])
            journal.LogManagement(management);
        if (file is not null)
            journal.LogSettingsFile(file);
        if (reason is not null)
            journal.LogConnectionLimit(reason);
        if (log is DiskLog disk)
            journal.LogDirectory(disk.Directory, disk.Recovery);
        else if (log is PostgresLog database)
            Tell(journal, settings.LogName, database.Report);
        else
            journal.LogMemory();
        app.Services.GetRequiredService<LogEventReports>(); // from here on, and what happened at the opening

        // Not AddSystemd, which asks whether systemd is the parent: whoever gave the socket (podman, too) wants to be told.
        var systemd = new SystemdNotifier();
        app.Lifetime.ApplicationStopping.Register(() => Notify(systemd, ServiceState.Stopping, "stopping", journal));
        Notify(systemd, ServiceState.Ready, "ready", journal);
        using var stopLimit = new CancellationTokenSource();
        app.Lifetime.ApplicationStopping.Register(() => stopLimit.CancelAfter(settings.Transport.StopLimitMs));
        await app.WaitForShutdownAsync();
        if (log is PostgresLog waiting)
            await waiting.DisposeAsync(stopLimit.Token); // what its database does not answer in time, it answers itself
        else
            await log.DisposeAsync();
        journal.LogStopped();
    }

    /// <summary>
    /// A host without sources of its own: no variable, file, hosting startup or reload can add to it, above all no listener.
    /// OpenTelemetry's variables are the only ones that it needs: its libraries read them from the host.
    /// </summary>
    private static WebApplicationBuilder CreateBuilder()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions
        {
            ApplicationName = typeof(Server).Assembly.GetName().Name,
            ContentRootPath = AppContext.BaseDirectory,
            EnvironmentName = Environments.Production,
        });
        builder.Configuration.AddInMemoryCollection(SettingSources.Variables(TelemetryExport.VariablePrefix));
        builder.Services.AddRouting();
        return builder;
    }

    private static async Task<ILog> OpenLogAsync(ServerSettings settings)
    {
        if (settings is { Backend: Backend.Postgres, ConnectionString: { } connectionString })
            return await OpenDatabaseAsync(settings, connectionString);
        if (settings.Backend == Backend.Memory)
            return new InMemoryLog(new InMemoryLogOptions { BatchLimitBytes = settings.Disk.BatchLimitBytes });
        try
        {
            return DiskLog.Open(settings.Directory, settings.Disk);
        }
        catch (Exception exception) when (exception is LogException or IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new SettingException($"{ServerSettings.Section}:{nameof(settings.Directory)}", settings.Directory, exception.Message);
        }
    }

    private static async Task<ILog> OpenDatabaseAsync(ServerSettings settings, string connectionString)
    {
        try
        {
            return await PostgresLog.OpenAsync(new PostgresLogOptions
            {
                ConnectionString = connectionString,
                LogName = settings.LogName,
                BatchLimitBytes = settings.Disk.BatchLimitBytes,
                RetentionLimitBytes = settings.Disk.RetentionLimitBytes,
                RetentionLimitMs = settings.Disk.RetentionLimitMs,
            });
        }
        catch (LogException exception)
        {
            throw WrongDatabase(exception.Message);
        }
        catch (ArgumentException exception) when (exception.ParamName == nameof(PostgresLogOptions.LogName))
        {
            throw new SettingException($"{ServerSettings.Section}:{nameof(settings.LogName)}", null, exception.Message);
        }
        catch (ArgumentException)
        {
            throw WrongDatabase("it is no connection string that Npgsql takes"); // what the exception says may quote it
        }

        static SettingException WrongDatabase(string problem) =>
            new($"{ServerSettings.Section}:{nameof(settings.ConnectionString)}", null, problem.ReplaceLineEndings(" "));
    }

    private static void Tell(ILogger journal, string name, PostgresLogReport report)
    {
        journal.LogDatabase(name, report.ServerVersion, report.Range);
        foreach (var warning in report.Warnings)
            journal.LogDatabaseWarning(warning);
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
            var problem = exception.InnerException is AddressInUseException
                ? "the address is in use: another server runs there, or give another port"
                : exception.Message;
            var (name, address) = settings.ManagementEndPoint is { } management && exception.Message.Contains($"{management}", StringComparison.Ordinal)
                ? (nameof(settings.ManagementAddress), settings.ManagementAddress!)
                : (nameof(settings.Address), settings.Address);
            throw new SettingException($"{ServerSettings.Section}:{name}", address.OriginalString, problem);
        }
    }

    private static string Version { get; } =
        typeof(Server).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
