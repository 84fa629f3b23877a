using System.Text.Json;
using System.Text.RegularExpressions;
using LogKit.InMemory;
using LogKit.Tests.Support;

namespace LogKit.Tests.Cli;

/// <summary><c>logkit bench</c>: the parts of its output that are the same on every machine, and its exit codes.</summary>
public sealed partial class BenchCommandTests : IAsyncLifetime
{
    private readonly InMemoryLog _log = new();
    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await TestServer.StartAsync(_log);

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        await _log.DisposeAsync();
    }

    public static TheoryData<string, string> Loads =>
        new()
        {
            { "--producers 2", "load 2 producers, in single calls, 1 record of 100 bytes an append|" },
            {
                "--producers 1 --batch 3 --size 1 --stream",
                "load 1 producer, in streams with 32 in flight each, 3 records of 1 byte an append|"
            },
            {
                "--producers 2 --stream --in-flight 5 --tails 2",
                "load 2 producers, in streams with 5 in flight each, 1 record of 100 bytes an append|delivered # #/s to # tails"
            },
        };

    [Theory]
    [MemberData(nameof(Loads))]
    public async Task The_text_has_one_line_per_figure(string options, string lines)
    {
        var (exitCode, output, errors) = await RunAsync($"{options} --seconds 1 --warmup 0");
        Assert.Equal((0, ""), (exitCode, errors));
        var (load, delivered) = (lines.Split('|')[0], lines.Split('|')[1]);
        string[] expected =
        [
            "time # s", "appends # #/s", "records # #/s # MB/s", .. delivered.Length > 0 ? [delivered] : Array.Empty<string>(),
            "p50 # ms", "p90 # ms", "p99 # ms", "p99.9 # ms", "max # ms", "errors #",
        ];
        var printed = output.TrimEnd('\n').Split('\n').Select(line => Spaces().Replace(line, " ")).ToArray();
        Assert.Equal(load, printed[0]);
        Assert.Equal(expected, printed.Skip(1).Select(line => Figure().Replace(line, " #")));
    }

    [Theory]
    [InlineData("--producers 3 --batch 7 --size 11 --tails 2", null)]
    [InlineData("--producers 3 --batch 7 --size 11 --tails 2 --stream --in-flight 4", 4)]
    public async Task The_json_adds_up_and_is_what_the_log_holds(string options, int? inFlight)
    {
        var (exitCode, output, errors) = await RunAsync($"{options} --seconds 1 --warmup 0 --json");
        Assert.Equal((0, ""), (exitCode, errors));
        using var document = JsonDocument.Parse(output);
        var report = document.RootElement;
        Assert.Equal((3, 7, 11, 2), (Number("producers"), Number("batch_records"), Number("record_bytes"), Number("tails")));
        Assert.Equal(inFlight, report.GetProperty("in_flight").ValueKind is JsonValueKind.Null ? null : (int)Number("in_flight"));
        Assert.Equal(inFlight is not null, report.GetProperty("stream").GetBoolean());

        var (appends, seconds) = (Number("appends"), Number("elapsed_seconds"));
        Assert.InRange(seconds, 0.9, double.MaxValue); // as long as requested, but for the coarseness of a timer
        Assert.Equal(appends * 7, Number("records"));
        Assert.Equal(Number("records") + 7, (await _log.GetRangeAsync()).Count); // includes the first append, which is not counted
        AssertRate(appends, "appends_per_second", seconds);
        AssertRate(appends * 7, "records_per_second", seconds);
        AssertRate(appends * 7 * 11 / 1e6, "megabytes_per_second", seconds);
        AssertRate(Number("delivered_records"), "delivered_records_per_second", seconds);
        Assert.InRange(Number("delivered_records"), 7, appends * 7 * 2);

        var latency = report.GetProperty("latency").EnumerateObject().Select(each => (each.Name, Ms: each.Value.GetDouble())).ToArray();
        Assert.Equal(["p50_ms", "p90_ms", "p99_ms", "p99_9_ms", "max_ms"], latency.Select(each => each.Name));
        Assert.Equal(latency.OrderBy(each => each.Ms), latency);
        Assert.True(latency[0].Ms > 0, output);
        Assert.Empty(report.GetProperty("errors").EnumerateObject());

        double Number(string name) => report.GetProperty(name).GetDouble();

        void AssertRate(double count, string name, double time) =>
            Assert.InRange(Number(name), (count / time * 0.999) - 0.001, (count / time * 1.001) + 0.001); // both are rounded
    }

    [Fact]
    public async Task An_interrupted_run_prints_the_figures_so_far()
    {
        using var interrupt = new CancellationTokenSource();
        var bench = RunAsync("--producers 2 --seconds 3600 --warmup 0 --json", interrupt.Token);
        await _log.WaitForAppendAsync(1).AsTask().Within("an append that counts");
        await interrupt.CancelAsync();
        var (exitCode, output, errors) = await bench.Within("the bench");
        Assert.Equal((0, ""), (exitCode, errors));
        using var document = JsonDocument.Parse(output);
        Assert.Equal((await _log.GetRangeAsync()).Count - 1, document.RootElement.GetProperty("appends").GetUInt64());
    }

    [Fact]
    public async Task A_run_interrupted_during_the_warm_up_prints_the_figures_of_the_warm_up()
    {
        using var interrupt = new CancellationTokenSource();
        var bench = RunAsync("--producers 2 --warmup 3600 --json", interrupt.Token);
        await _log.WaitForAppendAsync(1).AsTask().Within("an append of the warm-up");
        await interrupt.CancelAsync();
        var (exitCode, output, errors) = await bench.Within("the bench");
        Assert.Equal((0, ""), (exitCode, errors));
        using var document = JsonDocument.Parse(output);
        Assert.True(document.RootElement.GetProperty("warmup_only").GetBoolean());
        Assert.Equal((await _log.GetRangeAsync()).Count - 1, document.RootElement.GetProperty("appends").GetUInt64());
        Assert.True(document.RootElement.GetProperty("elapsed_seconds").GetDouble() > 0);

        using var again = new CancellationTokenSource();
        var next = (await _log.GetRangeAsync()).NextOffset;
        bench = RunAsync("--producers 2 --warmup 3600", again.Token);
        await _log.WaitForAppendAsync(next + 1).AsTask().Within("an append of the warm-up");
        await again.CancelAsync();
        (_, output, _) = await bench.Within("the bench");
        Assert.Matches("(?m)^time +[0-9.]+ s, interrupted while warming up$", output);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" --stream")]
    public async Task Failures_are_counted_by_status(string options)
    {
        await using var filling = new FillingLog(_log);
        await using var server = await TestServer.StartAsync(filling);
        using var interrupt = new CancellationTokenSource();
        var bench = Logkit.RunAsync(
            ["bench", .. $"--producers 1 --seconds 3600 --warmup 0{options}".Split(' ')], server.Address, stopping: interrupt.Token);
        await filling.HasRefused.Within("an append after a refused one");
        await interrupt.CancelAsync();
        var (exitCode, output, errors) = await bench.Within("the bench");
        Assert.Equal((1, ""), (exitCode, errors));
        Assert.Matches("(?m)^errors +[0-9]+ RESOURCE_EXHAUSTED [0-9]+$", output);
    }

    public static TheoryData<string, int, string> Mistakes => new()
    {
        { "--producers 0", 2, "error: --producers '0' must be a whole number, from 1 to 10000\nsee logkit bench --help\n" },
        { "--batch none", 2, "error: --batch 'none' must be a whole number, from 1 to 100000\nsee logkit bench --help\n" },
        { "--size -1", 2, "error: --size '-1' must be a whole number, from 0 to 67108864\nsee logkit bench --help\n" },
        { "--seconds 0", 2, "error: --seconds '0' must be a whole number, from 1 to 86400\nsee logkit bench --help\n" },
        { "--warmup 1.5", 2, "error: --warmup '1.5' must be a whole number, from 0 to 86400\nsee logkit bench --help\n" },
        { "--tails many", 2, "error: --tails 'many' must be a whole number, from 0 to 10000\nsee logkit bench --help\n" },
        { "--in-flight 5", 2, "error: --in-flight needs --stream\nsee logkit bench --help\n" },
        { "--fast", 2, "error: unknown option '--fast'\nsee logkit bench --help\n" },
        { "--size 5000000", 1, "error: INVALID_ARGUMENT: batch is " },
        { "--size 60000000 --batch 100000", 1, "error: INVALID_ARGUMENT: batch is 6000000000000 bytes: the limit is 67108864\n" },
        { "--address http://127.0.0.1:1", 1, "error: UNAVAILABLE: cannot reach http://127.0.0.1:1: " },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task A_benchmark_that_cannot_run_fails_at_once_with_one_line(string options, int expectedExitCode, string message)
    {
        var (exitCode, output, errors) = await RunAsync(options);
        Assert.Equal((expectedExitCode, ""), (exitCode, output));
        Assert.StartsWith(message, errors, StringComparison.Ordinal);
        Assert.Equal(expectedExitCode, errors.TrimEnd().Split('\n').Length);
        Assert.Equal(0ul, (await _log.GetRangeAsync()).Count);
    }

    private Task<(int ExitCode, string Output, string Errors)> RunAsync(string options, CancellationToken stopping = default) =>
        Logkit.RunAsync(["bench", .. options.Split(' ')], _server.Address, stopping: stopping);

    [GeneratedRegex(" +", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Spaces();

    [GeneratedRegex(" [0-9][0-9,]*([.][0-9]+)?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Figure();

    /// <summary>Accepts one append, and is full from then on.</summary>
    private sealed class FillingLog(ILog log) : ILog
    {
        private readonly TaskCompletionSource _hasRefused = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _appends;

        /// <summary>
        /// Completes with the second refusal. By then, the first refusal has reached the caller, which makes one call at a time.
        /// </summary>
        public Task HasRefused => _hasRefused.Task;

        public ValueTask<ulong> AppendBatchAsync(
            RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
        {
            var appends = Interlocked.Increment(ref _appends);
            if (appends == 1)
                return log.AppendBatchAsync(batch, expectedOffset, cancellationToken);
            if (appends >= 3)
                _hasRefused.TrySetResult();
            throw new LogFullException();
        }

        public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
            log.ReadBatchAsync(offset, cancellationToken);

        public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) => log.GetRangeAsync(cancellationToken);

        public ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
            log.WaitForAppendAsync(offset, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
