using System.CommandLine;
using LogKit.Cli.Arguments;
using LogKit.Cli.Bench;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;
using LogKit.Client;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit bench</c>: loads a server with appends, and reports throughput and latency.</summary>
internal static class BenchCommand
{
    private const int MaxProducers = 10_000;
    private const int MaxBatchRecords = 100_000;
    private const int MaxRecordBytes = 64 * 1024 * 1024;
    private const int MaxInFlight = 10_000;
    private const int MaxSeconds = 24 * 60 * 60;
    private const int MaxTails = 10_000;

    private const string Examples =
        """
        Examples:
          logkit bench                              64 producers, each awaiting every answer, for ten seconds
          logkit bench --producers 1                the latency of a single append
          logkit bench --stream --batch 100         throughput: pipelined batches
          logkit bench --tails 8 --json             with eight tails; the figures as JSON

        The records stay in the log. An append counts if it begins after the warm-up. Its latency is the time until its answer; with
        --stream, that includes the time that it waits behind earlier appends. A megabyte is a million bytes of record values. Ctrl-C ends
        the run early with the figures so far, or with those of the warm-up. The exit code is 1 if any call failed; errors are counted by
        gRPC status.
        """;

    public static Command Create(CliContext context, ServerOptions server)
    {
        var producers = NumberOption.Create("--producers", "The number of concurrent producers", 1, MaxProducers);
        var batch = NumberOption.Create("--batch", "The number of records per append", 1, MaxBatchRecords);
        var size = NumberOption.Create("--size", "The size of a record, in bytes", 0, MaxRecordBytes);
        var seconds = NumberOption.Create("--seconds", "How long to measure", 1, MaxSeconds);
        var warmup = NumberOption.Create("--warmup", "How many seconds to warm up, which are not measured", 0, MaxSeconds);
        var tails = NumberOption.Create("--tails", "The number of concurrent tails", 0, MaxTails);
        var stream = new Option<bool>("--stream")
        {
            Description = "Each producer pipelines its appends in one stream, instead of awaiting each answer",
        };
        var inFlight = NumberOption.Create(
            "--in-flight", "The limit on unanswered appends of a stream, with --stream", 1, MaxInFlight);
        var json = new Option<bool>("--json") { Description = "Write the figures as JSON" };
        producers.DefaultValueFactory = _ => 64;
        batch.DefaultValueFactory = _ => 1;
        size.DefaultValueFactory = _ => 100;
        seconds.DefaultValueFactory = _ => 10;
        warmup.DefaultValueFactory = _ => 1;
        inFlight.DefaultValueFactory = _ => 32;
        tails.DefaultValueFactory = _ => 0;

        var command = new ExampleCommand("bench", "Loads a server with appends, and prints throughput and latency.", Examples)
        {
            producers, batch, size, seconds, warmup, stream, inFlight, tails, json,
        };
        server.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(inFlight) is { Implicit: false } && result.GetResult(stream) is not { Implicit: false })
                result.AddError("--in-flight needs --stream");
        });
        command.SetAction((parsed, stopping) =>
        {
            var load = new BenchLoad(
                parsed.GetValue(producers),
                parsed.GetValue(batch),
                parsed.GetValue(size),
                parsed.GetValue(stream),
                parsed.GetValue(inFlight),
                parsed.GetValue(tails),
                TimeSpan.FromSeconds(parsed.GetValue(warmup)),
                TimeSpan.FromSeconds(parsed.GetValue(seconds)));
            return RunAsync(load, parsed.GetValue(json), token => server.ConnectAsync(parsed, token), context, stopping);
        });
        return command;
    }

    private static async Task<int> RunAsync(
        BenchLoad load, bool isJson, Func<CancellationToken, Task<GrpcLog>> connect, CliContext context, CancellationToken stopping)
    {
        await using var log = await connect(stopping);
        var meter = new BenchMeter();
        var run = new BenchRun(log, load, meter);
        await BenchProgress.RunAsync(context.Terminal, load, meter, () => run.RunAsync(stopping));

        var report = BenchReport.Of(load, meter);
        var output = new LineOutput(context.Stdout);
        await (isJson ? BenchOutput.WriteJsonAsync(report, output) : BenchOutput.WriteTextAsync(report, output));
        return report.Errors.Count == 0 ? ExitCodes.Done : ExitCodes.Failed;
    }
}
