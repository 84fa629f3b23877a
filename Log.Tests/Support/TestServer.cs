using Grpc.Net.Client;
using LogKit.Client;
using LogKit.Grpc;
using LogKit.Grpc.Streams;
using LogKit.Server;
using LogKit.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LogKit.Tests.Support;

/// <summary>
/// A <see cref="LogTestServer"/> with everything that the real server maps. Clients reach it directly. Disposal fails if the server wrote a
/// warning or an error that the test did not expect.
/// </summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly LogTestServer _server;
    private readonly CallsEnded _ended;

    private TestServer(LogTestServer server, Journal journal, CallsEnded ended)
    {
        (_server, Journal, _ended) = (server, journal, ended);
        Channel = GrpcChannel.ForAddress(Address, new GrpcChannelOptions { MaxReceiveMessageSize = null });
    }

    public string Address => _server.DirectAddress;

    public NetworkProxy Network => _server.Network;

    public IServiceProvider Services => _server.Services;

    public Journal Journal { get; }

    public GrpcChannel Channel { get; }

    /// <summary>Set by a test that makes the server write warnings or errors.</summary>
    public bool ExpectsJournalEntries { get; init; }

    /// <summary>The client that is generated from the .proto file.</summary>
    public V1.Log.LogClient Client => new(Channel);

    public static async Task<TestServer> StartAsync(ILog log, bool expectsJournalEntries = false, LogKitOptions? options = null)
    {
        var (journal, ended) = (new Journal(), new CallsEnded());
        var server = await LogTestServer.StartAsync(log, new LogTestServerOptions
        {
            Limits = options,
            // The same filter as in JournalOutput of the server.
            ConfigureBuilder = builder =>
                builder.Logging.AddProvider(journal).AddFilter("Grpc.AspNetCore.Server.ServerCallHandler", LogLevel.None),
            ConfigureApp = app =>
            {
                app.Use(ended.WatchAsync);
                app.MapLogKitHealth();
                app.MapLogKitReflection();
            },
        });
        return new TestServer(server, journal, ended) { ExpectsJournalEntries = expectsJournalEntries };
    }

    /// <summary>The number of streams that are open on the server.</summary>
    public int LiveStreams => Services.GetRequiredService<LiveStreams>().Count;

    /// <summary>Completes once the server has finished this many calls of a method, whatever their outcome.</summary>
    public Task EndedAsync(string method, int count = 1) => _ended.Of(method, count).Within($"the server to end {count} {method}");

    public GrpcLog Connect() => GrpcLog.Connect(Address);

    /// <summary>Connects over <see cref="Network"/>, which can fail.</summary>
    public GrpcLog ConnectOverNetwork() => _server.Connect();

    public Task StopAsync() => _server.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _server.DisposeAsync();
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
