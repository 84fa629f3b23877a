using System.Collections.Concurrent;
using System.Text;
using LogKit.Client;
using LogKit.Server.Observability;
using LogKit.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LogKit.Tests.Observability;

/// <summary>The export of telemetry from the real server to a collector, as the OpenTelemetry variables configure it.</summary>
public sealed class TelemetryExportTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Metrics_and_traces_reach_the_collector_that_the_variables_name()
    {
        await using var collector = await Collector.StartAsync();
        using var server = Start(("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Address));
        await AppendAsync(server);
        foreach (var words in new[]
            {
                "logkit.append.batches",
                "logkit.log.next_offset",
                "logkit.flush.duration",
                "LogKit.Disk",
                "service.name",
                "logkit",
            })
            await collector.ReceivesAsync("/v1/metrics", words);
        foreach (var words in new[] { "Microsoft.AspNetCore", "/log.v1.Log/Produce", "logkit.offset", "logkit.count" })
            await collector.ReceivesAsync("/v1/traces", words);
        server.Signal("TERM");
        Assert.Equal(0, await server.ExitCodeAsync());
    }

    [Fact]
    public async Task Only_signals_with_an_endpoint_are_sent()
    {
        await using var collector = await Collector.StartAsync();
        using var server = Start(("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", $"{collector.Address}/v1/metrics"));
        await AppendAsync(server);
        await collector.ReceivesAsync("/v1/metrics", "logkit.append.batches");
        server.Signal("TERM");
        Assert.Equal(0, await server.ExitCodeAsync());
        Assert.Equal(["/v1/metrics"], collector.Paths);
    }

    [Fact]
    public async Task A_missing_collector_delays_neither_appends_nor_the_stop()
    {
        string address;
        await using (var gone = await Collector.StartAsync())
            address = gone.Address;
        using var server = Start(("OTEL_EXPORTER_OTLP_ENDPOINT", address));
        await AppendAsync(server);
        server.Signal("TERM");
        Assert.Equal(0, await server.ExitCodeAsync());
        Assert.Empty(server.Errors);
    }

    [Fact]
    public void Without_the_variables_nothing_is_added()
    {
        var services = new ServiceCollection();
        services.AddTelemetryExport(new ConfigurationBuilder().Build(), "1.0.0");
        Assert.Empty(services);
    }

    [Fact]
    public async Task An_invalid_endpoint_is_a_one_line_error_with_exit_code_1()
    {
        using var server = Start(("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"));
        Assert.Equal(1, await server.ExitCodeAsync());
        Assert.Equal(
            "error: OTEL_EXPORTER_OTLP_ENDPOINT=collector: must be http://ADDRESS:PORT or https://ADDRESS:PORT", server.Errors.TrimEnd());
    }

    private ServerProcess Start((string Name, string Value) endpoint) =>
        ServerProcess.Start(
            ["--Log:Address=http://127.0.0.1:0", $"--Log:Directory={_directory["log"]}"],
            endpoint,
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"));

    private static async Task AppendAsync(ServerProcess server)
    {
        await using var log = GrpcLog.Connect(await server.AddressAsync());
        await log.AppendBatchAsync(RecordBatch.OfText("a", "b"));
    }

    /// <summary>Receives telemetry. Protobuf messages contain text unchanged, so it can be found without decoding.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private readonly ConcurrentDictionary<(string Path, string Words), TaskCompletionSource> _awaited = [];
        private readonly ConcurrentQueue<(string Path, string Body)> _received = [];

        private Collector(WebApplication app) => _app = app;

        public string Address => _app.Urls.Single();

        public IEnumerable<string> Paths => _received.Select(post => post.Path).Distinct(StringComparer.Ordinal);

        public static async Task<Collector> StartAsync()
        {
            var builder = WebApplication.CreateBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(kestrel =>
                kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1));
            var app = builder.Build();
            var collector = new Collector(app);
            app.Run(collector.TakeAsync);
            await app.StartAsync();
            return collector;
        }

        /// <summary>Completes once a message to a path contains these words. Earlier messages count.</summary>
        public Task ReceivesAsync(string path, string words)
        {
            var source = _awaited.GetOrAdd((path, words), _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
            Settle();
            return source.Task.Within($"{words} in a message to {path}");
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();

        private async Task TakeAsync(HttpContext context)
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            _received.Enqueue((context.Request.Path, Encoding.UTF8.GetString(body.ToArray())));
            Settle();
            context.Response.ContentType = "application/x-protobuf"; // an empty message, which means success
        }

        private void Settle()
        {
            foreach (var ((path, words), source) in _awaited)
            {
                if (_received.Any(post =>
                        post.Path.Equals(path, StringComparison.Ordinal) && post.Body.Contains(words, StringComparison.Ordinal)))
                    source.TrySetResult();
            }
        }
    }
}
