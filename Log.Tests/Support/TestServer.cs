using Grpc.Net.Client;
using LogKit.Client;
using LogKit.Grpc;
using LogKit.Grpc.Streams;
using LogKit.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LogKit.Tests.Support;

/// <summary>
/// A log behind the service, on a real socket with a free port, hosted by the same calls that any application makes. Disposal fails if the
/// server wrote a warning or an error that the test did not expect.
/// </summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private readonly CallsEnded _ended;

    private TestServer(WebApplication app, Journal journal, string address, CallsEnded ended)
    {
        (_app, _ended) = (app, ended);
        Journal = journal;
        Address = address;
        Channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { MaxReceiveMessageSize = null });
    }

    public string Address { get; }

    public IServiceProvider Services => _app.Services;

    public Journal Journal { get; }

    public GrpcChannel Channel { get; }

    /// <summary>Set by a test that makes the server write warnings or errors.</summary>
    public bool ExpectsJournalEntries { get; init; }

    /// <summary>The client that is generated from the .proto file.</summary>
    public V1.Log.LogClient Client => new(Channel);

    public static async Task<TestServer> StartAsync(ILog log, bool expectsJournalEntries = false, LogKitOptions? options = null)
    {
        var journal = new Journal();
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders().AddProvider(journal);
        // The same filter as in JournalOutput of the server.
        builder.Logging.AddFilter("Grpc.AspNetCore.Server.ServerCallHandler", LogLevel.None);
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddLogKit(log, options);
        var app = builder.Build();
        var ended = new CallsEnded();
        app.Use(ended.WatchAsync);
        app.MapLogKit();
        app.MapLogKitHealth();
        app.MapLogKitReflection();
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return new TestServer(app, journal, address, ended) { ExpectsJournalEntries = expectsJournalEntries };
    }

    /// <summary>The number of streams that are open on the server.</summary>
    public int LiveStreams => _app.Services.GetRequiredService<LiveStreams>().Count;

    /// <summary>Completes once the server has finished this many calls of a method, whatever their outcome.</summary>
    public Task EndedAsync(string method, int count = 1) => _ended.Of(method, count).Within($"the server to end {count} {method}");

    public GrpcLog Connect() => GrpcLog.Connect(Address);

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _app.DisposeAsync();
        if (!ExpectsJournalEntries)
            Assert.True(
                Journal.Entries.Count == 0, $"the server's journal has what nobody expected: {string.Join('\n', Journal.Entries.Take(3))}");
    }

    private sealed class CallsEnded
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<string, int> _counts = [];
        private readonly List<(string Path, int Count, TaskCompletionSource Reached)> _awaited = [];

        public Task Of(string method, int count)
        {
            var path = $"/log.v1.Log/{method}";
            lock (_gate)
            {
                if (_counts.GetValueOrDefault(path) >= count)
                    return Task.CompletedTask;
                var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _awaited.Add((path, count, reached));
                return reached.Task;
            }
        }

        public async Task WatchAsync(HttpContext context, RequestDelegate next)
        {
            try
            {
                await next(context);
            }
            finally
            {
                Count(context.Request.Path);
            }
        }

        private void Count(string path)
        {
            lock (_gate)
            {
                var count = _counts[path] = _counts.GetValueOrDefault(path) + 1;
                foreach (var (_, _, reached) in _awaited.Where(awaited => awaited.Path == path && awaited.Count <= count))
                    reached.TrySetResult();
            }
        }
    }
}
