using System.Diagnostics;
using Grpc.Net.Client;
using HdrHistogram;
using LogKit.Benchmarks.Disk;
using LogKit.Benchmarks.Results;
using LogKit.Benchmarks.Service.Peers;
using LogKit.Client;
using LogKit.V1;
using static LogKit.Benchmarks.Results.Row;

namespace LogKit.Benchmarks.Service;

/// <summary>
/// The server as it is deployed, on its disk log with every append flushed, compared with a gRPC service that does nothing, and with
/// alternatives that users would write or choose. Servers and clients are separate processes on the loopback address.
/// </summary>
internal sealed class ServiceBenchmarks(BenchmarkSettings settings, Table table)
{
    private const int RecordBytes = 100;
    private const int Callers = 64;
    private const string NoOp = "no-op gRPC service";
    private const string Rest = "REST/JSON service on the same log, 64 callers";

    private static readonly RecordBatch One = Loads.BatchOf(1, RecordBytes);
    private static readonly RecordBatch Hundred = Loads.BatchOf(100, RecordBytes);

    private readonly Comparison _comparison = new(table);

    public Task RunAsync() => settings.RunAsync(
        ("unary", UnaryAsync),
        ("stream one", () => StreamAsync("one ProduceStream, one record a message", One, 0.8)),
        ("stream hundred", () => StreamAsync("one ProduceStream, batches of 100", Hundred, 0.7)),
        ("consume hundred", () => ConsumeAsync("one ConsumeStream, batches of 100", Hundred, 20_000, 0.8)),
        ("consume one", () => ConsumeAsync("one ConsumeStream, one record a batch", One, 200_000, 0.8)),
        ("rest stream", RestStreamAsync),
        ("rest unary", RestUnaryAsync),
        ("redis", RedisAsync),
        ("latency", LatencyAsync),
        ("tls", TlsAsync),
        ("memory", MemoryAsync));

    private async Task UnaryAsync()
    {
        using var logKit = await ServerProcess.StartOnAsync(settings.NewPath());
        using var noOp = await ServerProcess.StartPeerAsync("noop", 1, RecordBytes, 0);
        await _comparison.RunAsync("unary Produce, one record, 64 callers, durable", NoOp, Bound.AtLeast(0.6), logKit, noOp, log =>
            Loads.UnaryAsync(log, Callers, One, settings.Seconds));
    }

    private async Task StreamAsync(string what, RecordBatch batch, double target)
    {
        using var logKit = await ServerProcess.StartOnAsync(settings.NewPath());
        using var noOp = await ServerProcess.StartPeerAsync("noop", 1, RecordBytes, 0);
        await _comparison.RunAsync($"{what}, durable", NoOp, Bound.AtLeast(target), logKit, noOp, log =>
            Loads.StreamAsync(log, 1, batch, settings.Seconds));
    }

    private async Task ConsumeAsync(string what, RecordBatch batch, int count, double target)
    {
        var directory = settings.NewPath();
        await Filling.FillAsync(directory, batch, count);
        using var logKit = await ServerProcess.StartOnAsync(directory);
        using var noOp = await ServerProcess.StartPeerAsync("noop", batch.Count, RecordBytes, count);
        await _comparison.RunAsync(what, NoOp, Bound.AtLeast(target), logKit, noOp, log => Loads.ConsumeAsync(log, 1));
    }

    private async Task RestStreamAsync() => await CompareWithRestAsync(
        "one ProduceStream, batches of 100, durable", 25, log => Loads.StreamAsync(log, 1, Hundred, settings.Seconds));

    private async Task RestUnaryAsync() => await CompareWithRestAsync(
        "unary Produce, one record, 64 callers, durable", 1.3, log => Loads.UnaryAsync(log, Callers, One, settings.Seconds));

    private async Task CompareWithRestAsync(string what, double target, Func<GrpcLog, Task<long>> load)
    {
        using var logKit = await ServerProcess.StartOnAsync(settings.NewPath());
        using var rest = await ServerProcess.StartPeerAsync("rest", settings.NewPath());
        await using var log = GrpcLog.Connect(logKit.Address);
        using var client = new HttpClient { BaseAddress = new Uri(rest.Address) };
        await using var first = new ComparedServer("LogKit", logKit, () => load(log));
        await using var second = new ComparedServer(Rest, rest, () => Loads.RestAsync(client, Callers, RecordBytes, settings.Seconds));
        await _comparison.RunAsync(what, Bound.AtLeast(target), first, second);
    }

    private async Task RedisAsync()
    {
        const int InFlight = 16;
        if (RedisServer.ReasonToSkip is { } reason)
        {
            Console.WriteLine($"(left out: Redis Streams: {reason})");
            return;
        }

        using var logKit = await ServerProcess.StartOnAsync(settings.NewPath());
        using var redis = await RedisServer.StartAsync(settings.NewPath());
        await using var log = GrpcLog.Connect(logKit.Address);
        foreach (var inFlight in (int[])[1, InFlight])
        {
            await using var side = new ComparedServer("LogKit", logKit, () =>
                Loads.BatchingAsync(log, Callers, inFlight, RecordBytes, settings.Seconds));
            var result = await Rounds.CompareAsync(side.RunAsync, () =>
                redis.AppendsPerSecondAsync(Callers, InFlight, RecordBytes, settings.Seconds));
            var row = result.ToRow(
                $"batching producer, one record a call, 64 tasks with {inFlight} in flight, durable",
                "Redis Streams, appendfsync always, 64 clients pipelined by 16 (redis-benchmark)", " records/s",
                inFlight == InFlight ? Bound.AtLeast(2) : null);
            table.Add(row with { Costs = [side.GetCost()] });
        }
    }

    private async Task LatencyAsync()
    {
        using var server = await ServerProcess.StartPeerAsync("memory");
        using var tail = await TailProcess.StartAsync(server.Address, 1);
        using var channel = GrpcChannel.ForAddress(server.Address);
        await using var log = new GrpcLog(channel);
        var p99 = (Tail: new List<double>(), Echo: new List<double>());
        var result = await Rounds.CompareAsync(
            async () =>
            {
                for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started).TotalSeconds < settings.Seconds;)
                    await log.AppendBatchAsync(TailProcess.Stamped());
                await log.AppendBatchAsync(TailProcess.Stamped(asks: true));
                var delays = await tail.ReadDelaysAsync();
                p99.Tail.Add(delays.P99);
                return delays.Median;
            },
            async () =>
            {
                var (median, high) = await EchoAsync(channel);
                p99.Echo.Add(high);
                return median;
            });
        table.Add(
            result.ToRow(
                "produce to tail in another process, log in memory, median",
                "an echo's round trip on the same channel",
                " µs",
                Bound.AtMost(2)));
        var high = (Tail: Rounds.Median(p99.Tail), Echo: Rounds.Median(p99.Echo));
        table.Add(new Row(
            "the same, 99th percentile", new Figure(high.Tail, " µs"), "the same", new Figure(high.Echo, " µs"), high.Tail / high.Echo));
    }

    private async Task<TailProcess.Delays> EchoAsync(GrpcChannel channel)
    {
        var echo = NoOpService.Methods.Named(LogMethods.Produce, NoOpService.Methods.OtherName);
        var invoker = channel.CreateCallInvoker();
        var histogram = new LongHistogram(TimeStamp.Hours(1), 3);
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started).TotalSeconds < settings.Seconds;)
        {
            var begun = Stopwatch.GetTimestamp();
            var request = new V1.Envelope.ProduceRequest { RecordBatch = { Google.Protobuf.UnsafeByteOperations.UnsafeWrap(One.Encoded) } };
            using var call = invoker.AsyncUnaryCall(echo, host: null, default, request);
            await call;
            histogram.RecordValue(Stopwatch.GetTimestamp() - begun);
        }

        return TailProcess.Delays.Of(histogram);
    }

    private async Task TlsAsync()
    {
        var certificates = settings.NewPath();
        using (var certs = ChildProcess.StartAssembly("logkit.dll", "certs", certificates))
            await certs.ReadToEndAsync();
        using var secure = await ServerProcess.StartLogKitAsync(
            "--Log:Address=https://127.0.0.1:0", $"--Log:Directory={settings.NewPath()}",
            $"--Log:CertificateFile={certificates}/server.crt", $"--Log:KeyFile={certificates}/server.key");
        using var plain = await ServerProcess.StartOnAsync(settings.NewPath());
        await using var secureLog = GrpcLog.Connect(secure.Address, new GrpcLogOptions { CaFile = $"{certificates}/ca.crt" });
        await using var plainLog = GrpcLog.Connect(plain.Address);
        await using var first = new ComparedServer("over TLS", secure, () => Loads.StreamAsync(secureLog, 1, Hundred, settings.Seconds));
        await using var second = new ComparedServer("plaintext", plain, () => Loads.StreamAsync(plainLog, 1, Hundred, settings.Seconds));
        await _comparison.RunAsync("one ProduceStream over TLS, batches of 100, durable", Bound.AtLeast(0.7), first, second);
    }

    private async Task MemoryAsync()
    {
        var result = await Rounds.CompareAsync(() => PeakMegabytesAsync(tails: 1_000), () => PeakMegabytesAsync(tails: 1));
        var (many, one) = (new Figure(result.First, " MB"), new Figure(result.Second, " MB"));
        var row = new Row(
            "the server's memory, full-speed producer and 1,000 tails", many, "the same with 1 tail", one, many.Value - one.Value);
        table.Add(row with { Target = Bound.AtMost(200), Unit = " MB more" });
    }

    private async Task<double> PeakMegabytesAsync(int tails)
    {
        using var server = await ServerProcess.StartOnAsync(settings.NewPath());
        using var following = await TailProcess.StartAsync(server.Address, tails);
        await using var log = GrpcLog.Connect(server.Address);
        await Loads.StreamAsync(log, 1, Hundred, settings.Seconds * 3);
        return server.PeakMemoryBytes / 1e6;
    }
}
