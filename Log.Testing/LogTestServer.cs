using System.Net;
using LogKit.Client;
using LogKit.Grpc;
using LogKit.InMemory;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace LogKit.Testing;

/// <summary>
/// The service <c>log.v1.Log</c> in the process of the test, on a real socket with a free port, so that tests can run in parallel. Clients
/// reach it through a <see cref="NetworkProxy"/>, which stays when the server restarts.
/// </summary>
/// <example>
/// <code>
/// await using var server = await LogTestServer.StartAsync();
/// await using var log = server.Connect();
/// await log.AppendBatchAsync(RecordBatch.OfText("hello"));
/// server.CutConnections();
/// </code>
/// </example>
public sealed class LogTestServer : IAsyncDisposable
{
    private readonly LogKitOptions? _options;
    private readonly bool _ownsLog;
    private WebApplication _app;

    private LogTestServer(ILog log, bool ownsLog, LogKitOptions? options, WebApplication app)
    {
        (Log, _ownsLog, _options, _app) = (log, ownsLog, options, app);
        Network = new NetworkProxy(PortOf(app));
    }

    /// <summary>The address, which stays the same when the server restarts.</summary>
    public string Address => $"http://127.0.0.1:{Network.Port}";

    /// <summary>The log behind the service.</summary>
    public ILog Log { get; }

    /// <summary>The network between the clients and the server.</summary>
    public NetworkProxy Network { get; }

    /// <summary>Starts a server.</summary>
    /// <param name="log">The log, which the caller disposes after the server; null for a new log in memory, which the server owns.</param>
    /// <param name="options">The limits of the service; the defaults if null.</param>
    public static async Task<LogTestServer> StartAsync(ILog? log = null, LogKitOptions? options = null)
    {
        var served = log ?? new InMemoryLog();
        return new LogTestServer(served, ownsLog: log is null, options, await StartAppAsync(served, options).ConfigureAwait(false));
    }

    /// <summary>Opens a client, which the caller disposes.</summary>
    /// <param name="options">The options of the client; the defaults if null.</param>
    public GrpcLog Connect(GrpcLogOptions? options = null) => GrpcLog.Connect(Address, options);

    /// <summary>Cuts all connections. Clients may connect again at once.</summary>
    public void CutConnections() => Network.CutConnections();

    /// <summary>Stops the server, which ends all calls, and starts another one at the same address over the same log.</summary>
    public async Task RestartAsync()
    {
        Network.Disconnect();
        await _app.DisposeAsync().ConfigureAwait(false);
        _app = await StartAppAsync(Log, _options).ConfigureAwait(false);
        Network.ServerPort = PortOf(_app);
        Network.Reconnect();
    }

    /// <summary>Cuts all connections and stops the server.</summary>
    public async ValueTask DisposeAsync()
    {
        await Network.DisposeAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
        if (_ownsLog)
            await Log.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<WebApplication> StartAppAsync(ILog log, LogKitOptions? options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddRouting();
        builder.Services.AddLogging();
        builder.Services.AddLogKit(log, options);
        var app = builder.Build();
        app.UseRouting();
        app.MapLogKit();
        await app.StartAsync().ConfigureAwait(false);
        return app;
    }

    private static int PortOf(WebApplication app) =>
        new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
}
