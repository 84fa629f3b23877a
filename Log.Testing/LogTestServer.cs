using System.Net;
using LogKit.Client;
using LogKit.Grpc;
using LogKit.Grpc.Access;
using LogKit.Grpc.Streams;
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
/// With TLS, identities, and rights:
/// <code>
/// await using var server = await LogTestServer.StartAsync(options: new() { Access = "alice produce consume\nbob consume" });
/// await using var log = server.ConnectAs("bob");
/// await Assert.ThrowsAsync&lt;LogAccessException&gt;(() =&gt; log.AppendBatchAsync(RecordBatch.OfText("hello")).AsTask());
/// server.SetAccess("bob produce"); // takes effect at once
/// </code>
/// </example>
public sealed class LogTestServer : IAsyncDisposable
{
    private readonly LogTestServerOptions _options;
    private readonly TestAccess? _access;
    private readonly bool _ownsLog;
    private WebApplication? _app;

    private LogTestServer(ILog log, bool ownsLog, LogTestServerOptions options)
    {
        (Log, _ownsLog, _options) = (log, ownsLog, options);
        _access = options.Access is { } access ? new TestAccess(access) : null;
        Network = new NetworkProxy(serverPort: 0); // until the server has its port
    }

    /// <summary>The address, which stays the same when the server restarts.</summary>
    public string Address => AddressAt(Network.Port);

    /// <summary>The file with the certificate that clients of a server with TLS trust; null without TLS.</summary>
    public string? CaFile => _access?.CaFile;

    /// <summary>The log behind the service.</summary>
    public ILog Log { get; }

    /// <summary>The network between the clients and the server.</summary>
    public NetworkProxy Network { get; }

    /// <summary>The services of the host. They change when the server restarts.</summary>
    public IServiceProvider Services => _app!.Services;

    /// <summary>The address without the network in between.</summary>
    internal string DirectAddress => AddressAt(Network.ServerPort);

    /// <summary>Starts a server.</summary>
    /// <param name="log">The log, which the caller disposes after the server; null for a new log in memory, which the server owns.</param>
    /// <param name="options">The options; the defaults if null.</param>
    /// <exception cref="FormatException"><see cref="LogTestServerOptions.Access"/> is not valid.</exception>
    public static async Task<LogTestServer> StartAsync(ILog? log = null, LogTestServerOptions? options = null)
    {
        var server = new LogTestServer(log ?? new InMemoryLog(), ownsLog: log is null, options ?? new LogTestServerOptions());
        try
        {
            await server.StartAppAsync().ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Opens a client, which the caller disposes. If the server uses TLS, the client trusts it.</summary>
    /// <param name="options">The options of the client; the defaults if null.</param>
    public GrpcLog Connect(GrpcLogOptions? options = null)
    {
        options ??= new GrpcLogOptions();
        return GrpcLog.Connect(Address, options with { CaFile = options.CaFile ?? CaFile });
    }

    /// <summary>Opens a client that sends the token of an identity. The caller disposes it.</summary>
    /// <param name="identity">The identity, which may do what the access list says: nothing if it is not listed.</param>
    /// <param name="options">Other options of the client; the defaults if null.</param>
    /// <exception cref="InvalidOperationException">The server was started without an access list.</exception>
    public GrpcLog ConnectAs(string identity, GrpcLogOptions? options = null) =>
        Connect((options ?? new GrpcLogOptions()) with { Token = TokenOf(identity) });

    /// <summary>The bearer token of an identity, for clients that connect in their own way.</summary>
    /// <param name="identity">The identity, which does not have to be in the access list.</param>
    /// <exception cref="InvalidOperationException">The server was started without an access list.</exception>
    public string TokenOf(string identity)
    {
        ArgumentException.ThrowIfNullOrEmpty(identity);
        return RequiredAccess.TokenOf(identity);
    }

    /// <summary>Replaces the access list. Open streams whose callers are no longer permitted end at once.</summary>
    /// <param name="access">As in <see cref="LogTestServerOptions.Access"/>.</param>
    /// <exception cref="FormatException">The list is not valid. The one before it stays in force.</exception>
    /// <exception cref="InvalidOperationException">The server was started without an access list.</exception>
    public void SetAccess(string access)
    {
        ArgumentNullException.ThrowIfNull(access);
        RequiredAccess.List = AccessList.Parse(access);
        Services.GetRequiredService<LiveStreams>().Reconsider();
    }

    /// <summary>Cuts all connections. Clients may connect again at once.</summary>
    public void CutConnections() => Network.CutConnections();

    /// <summary>Stops the server, which ends all calls, and starts another one at the same address over the same log.</summary>
    public async Task RestartAsync()
    {
        Network.Disconnect();
        await _app!.DisposeAsync().ConfigureAwait(false);
        await StartAppAsync().ConfigureAwait(false);
        Network.Reconnect();
    }

    /// <summary>Stops the server in an orderly way, which ends all calls, until <see cref="RestartAsync"/>.</summary>
    public Task StopAsync() => _app!.StopAsync();

    /// <summary>Cuts all connections and stops the server.</summary>
    public async ValueTask DisposeAsync()
    {
        await Network.DisposeAsync().ConfigureAwait(false);
        if (_app is not null)
            await _app.DisposeAsync().ConfigureAwait(false);
        _access?.Dispose();
        if (_ownsLog)
            await Log.DisposeAsync().ConfigureAwait(false);
    }

    private TestAccess RequiredAccess => _access ?? throw new InvalidOperationException(
        $"the server has no access list: start it with {nameof(LogTestServerOptions)}.{nameof(LogTestServerOptions.Access)}");

    private string AddressAt(int port) => $"{(_access is null ? "http" : "https")}://127.0.0.1:{port}";

    private async Task StartAppAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            if (_access is not null)
                listen.UseHttps(_access.Certificate);
        }));
        builder.Services.AddRouting();
        builder.Services.AddLogging();
        builder.Services.AddLogKit(Log, _options.Limits);
        _options.ConfigureBuilder?.Invoke(builder);
        _app = builder.Build();
        _app.UseRouting();
        _access?.UseIn(_app);
        _options.ConfigureApp?.Invoke(_app);
        _app.MapLogKit();
        await _app.StartAsync().ConfigureAwait(false);
        Network.ServerPort =
            new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
    }
}
