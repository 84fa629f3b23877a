using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Grpc.Core;
using LogKit.Disk;
using LogKit.Grpc.Observability;
using LogKit.InMemory;
using LogKit.Server.Observability;
using LogKit.Tests.Support;
using LogKit.V1;
using Microsoft.Extensions.DependencyInjection;

namespace LogKit.Tests.Observability;

/// <summary>The metrics of the service and of its log.</summary>
public sealed partial class MetricsTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [LinuxFact]
    public async Task The_readme_has_every_metric_with_its_kind_and_unit_and_nothing_else()
    {
        using var collector = new Collector(meter => meter.Name is "LogKit.Grpc" or "LogKit.Disk");
        await using var log = DiskLog.Open(_directory["log"]);
        await using var server = await TestServer.StartAsync(log, expectsJournalEntries: true);
        await server.Client.ProduceAsync(Request(1));
        await server.Client.ConsumeAsync(new ConsumeRequest());
        await Assert.ThrowsAsync<RpcException>(async () => await server.Client.ConsumeAsync(new ConsumeRequest { Offset = 9 }));
        new ConnectionMetrics(server.Services.GetRequiredService<IMeterFactory>()).CountClosed(ConnectionEnd.Idle);
        collector.Observe();
        Directory.Delete(_directory["log"], recursive: true); // the log reports this as an event
        await Poll.UntilAsync(
            () => Task.FromResult(collector.Instruments.Any(name => name.StartsWith("logkit.log.events", StringComparison.Ordinal))),
            "the event");

        var page = await File.ReadAllTextAsync(Repository.PathOf("docs/operations.md"));
        var documented = MetricRow().Matches(page).Select(row => $"{row.Groups["name"]}, {row.Groups["kind"]}, {row.Groups["unit"]}");
        Assert.Equal(documented.Order(StringComparer.Ordinal), collector.Instruments.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Appends_reads_and_errors_are_counted()
    {
        await using var log = new InMemoryLog();
        await using var server = await TestServer.StartAsync(log);
        using var collector = new Collector(server);
        var request = Request(3);
        await server.Client.ProduceAsync(request);
        using (var stream = server.Client.ProduceStream())
        {
            await stream.RequestStream.WriteAsync(Request(2));
            Assert.True(await stream.ResponseStream.MoveNext().Within("an answer"));
            collector.Observe();
            Assert.Equal(1, collector["logkit.streams.open kind=produce"]);
            await stream.RequestStream.CompleteAsync();
            Assert.False(await stream.ResponseStream.MoveNext().Within("the end"));
        }

        await server.Client.ConsumeAsync(new ConsumeRequest { Offset = 1 });
        await Assert.ThrowsAsync<RpcException>(async () => await server.Client.ConsumeAsync(new ConsumeRequest { Offset = 9 }));
        await Assert.ThrowsAsync<RpcException>(async () => await server.Client.ProduceAsync(new ProduceRequest()));
        await server.EndedAsync("ProduceStream");
        collector.Observe();

        Assert.Equal(2, collector["logkit.append.batches"]);
        Assert.Equal(5, collector["logkit.append.records"]);
        Assert.Equal(request.RecordBatch.CalculateSize() + Request(2).RecordBatch.CalculateSize(), collector["logkit.append.bytes"]);
        Assert.Equal(1, collector["logkit.read.batches"]);
        Assert.Equal(2, collector["logkit.read.records"]);
        Assert.Equal(1, collector[$"logkit.errors reason={ErrorReasons.OffsetOutOfRange}"]);
        Assert.Equal(1, collector[$"logkit.errors reason={ErrorReasons.FieldRequired}"]);
        Assert.Equal(0, collector["logkit.streams.open kind=produce"]);
        Assert.Equal(0, collector["logkit.log.start_offset"]);
        Assert.Equal(5, collector["logkit.log.next_offset"]);
        Assert.Equal(0, collector["logkit.tail.lag"]);
    }

    [Fact]
    public async Task A_tail_that_does_not_keep_up_shows_a_lag()
    {
        const int Batches = 32;
        await using var log = new InMemoryLog();
        for (var i = 0; i < Batches; i++)
            await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 1024 * 1024)));
        await using var server = await TestServer.StartAsync(log);
        using var stream = server.Client.ConsumeStream(new ConsumeRequest());
        // Reads no other batch. The remaining data exceeds what the buffers on the way can hold.
        Assert.True(await stream.ResponseStream.MoveNext().Within("the first batch"));
        using var collector = new Collector(server);
        collector.Observe();
        Assert.InRange(collector["logkit.tail.lag"], 1, Batches);
        Assert.Equal(1, collector["logkit.streams.open kind=consume"]);
    }

    [Fact]
    public async Task Counting_an_append_allocates_nothing()
    {
        await using var log = new InMemoryLog();
        await using var server = await TestServer.StartAsync(log);
        using var collector = new Collector(server, isCounting: false);
        var metrics = server.Services.GetRequiredService<ServiceMetrics>();
        metrics.CountAppend(1, 10, metrics.Start());
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            metrics.CountAppend(1, 10, metrics.Start());
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static ProduceRequest Request(int records)
    {
        var request = new ProduceRequest { RecordBatch = new V1.RecordBatch() };
        for (var i = 0; i < records; i++)
            request.RecordBatch.Records.Add(new V1.Record { Value = Google.Protobuf.ByteString.CopyFromUtf8("value") });
        return request;
    }

    // Matches a row: | `logkit.errors` | counter | {error} | ...
    [GeneratedRegex(
        @"^\| `(?<name>logkit\.[\w.]+)` \| (?<kind>[\w -]+) \| (?<unit>[\w{}]+) \|",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex MetricRow();

    /// <summary>
    /// Listens to meters. Keeps the sum of each counter and the last value of every other instrument, by the name with its tags.
    /// </summary>
    private sealed class Collector : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentDictionary<string, double> _values = new();
        private readonly ConcurrentDictionary<string, byte> _instruments = new();

        public Collector(Func<Meter, bool> isWanted, bool isCounting = true)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (isWanted(instrument.Meter))
                    listener.EnableMeasurementEvents(instrument);
            };
            if (isCounting)
            {
                _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
                _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Take(instrument, value, tags));
                _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument, value, tags));
            }

            _listener.Start();
        }

        /// <summary>Listens only to the meters of this server, because other servers run concurrently.</summary>
        public Collector(TestServer server, bool isCounting = true)
            : this(meter => meter.Scope == server.Services.GetRequiredService<IMeterFactory>() && meter.Name is "LogKit.Grpc", isCounting)
        {
        }

        /// <summary>Everything that was measured: name, kind, and unit.</summary>
        public ICollection<string> Instruments => _instruments.Keys;

        public double this[string name] => _values[name];

        public void Observe() => _listener.RecordObservableInstruments();

        public void Dispose() => _listener.Dispose();

        private void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var name = instrument.Name;
            foreach (var (key, tag) in tags)
                name += $" {key}={tag}";
            var kind = KindOf(instrument);
            _values.AddOrUpdate(name, value, (_, sum) => kind is "counter" ? sum + value : value);
            _instruments.TryAdd($"{instrument.Name}, {kind}, {instrument.Unit}", 0);
        }

        private static string KindOf(Instrument instrument) => instrument switch
        {
            Counter<long> => "counter",
            Histogram<double> or Histogram<int> => "histogram",
            ObservableUpDownCounter<long> => "up-down counter",
            ObservableGauge<long> => "gauge",
            _ => instrument.GetType().Name,
        };
    }
}
