using System.Text;
using LogKit.Cli;
using LogKit.Tests.Support;

namespace LogKit.Tests.Cli;

/// <summary><c>logkit</c> with a server: records come back byte for byte, and an error is one line.</summary>
public sealed class CommandLineTests : IAsyncLifetime
{
    private readonly TestLog _log = TestLog.Open(Backend.InMemory);
    private readonly TestDirectory _directory = new();
    private TestServer _server = null!;

    private readonly record struct Outcome(int ExitCode, byte[] Output, string Errors)
    {
        public string Text => Encoding.UTF8.GetString(Output);
    }

    public async Task InitializeAsync() => _server = await TestServer.StartAsync(_log.Log);

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        await _log.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Values_are_produced_as_one_batch_and_consumed()
    {
        var produced = await RunAsync(["produce", "hello", "world", "ünï"]);
        Assert.Equal((0, "", "produced 3 records (15 bytes), offsets 0 to 2\n"), (produced.ExitCode, produced.Text, produced.Errors));
        Assert.Equal("hello\nworld\nünï\n", (await RunAsync(["consume", "--offset", "0"])).Text);
        Assert.Equal("world\nünï\n", (await RunAsync(["consume", "--offset", "1"])).Text);
        Assert.Equal("[0, 3) 3 records\n", (await RunAsync(["range"])).Text);
    }

    public static TheoryData<string, string, string> Inputs => new()
    {
        { "lines", "a\nb\nc\n", "produced 3 records (3 bytes), offsets 0 to 2\n" },
        { "no newline at the end", "a\nb", "produced 2 records (2 bytes), offsets 0 to 1\n" },
        { "carriage returns", "a\r\nb\r\n", "produced 2 records (4 bytes), offsets 0 to 1\n" },
        { "empty lines", "\n\na\n\n", "produced 4 records (1 byte), offsets 0 to 3\n" },
        { "one record", "a\n", "produced 1 record (1 byte), offset 0\n" },
        { "nothing", "", "produced 0 records\n" },
    };

    [Theory]
    [MemberData(nameof(Inputs))]
    public async Task Lines_are_records_and_are_returned_byte_for_byte(string what, string input, string report)
    {
        _ = what;
        var produced = await RunAsync(["produce"], Encoding.UTF8.GetBytes(input));
        Assert.Equal((0, report), (produced.ExitCode, produced.Errors));
        var expected = input.Length == 0 || input.EndsWith('\n') ? input : input + "\n";
        Assert.Equal(expected, (await RunAsync(["tail", "--from-start", "--stop-at-end"])).Text);
    }

    [Fact]
    public async Task A_file_of_any_bytes_is_returned_unchanged_with_any_batch_size()
    {
        var seed = TestSeed.Next();
        var bytes = new byte[300_000];
        new Random(seed).NextBytes(bytes);
        bytes[^1] = (byte)'\n';
        await File.WriteAllBytesAsync(_directory["input"], bytes);
        var produced = await RunAsync(["produce", "--file", _directory["input"], "--batch-records", "7", "--batch-bytes", "3000"]);
        Assert.True(produced.ExitCode == 0, $"{produced.Errors} (seed {seed})");
        Assert.Equal(Convert.ToHexString(bytes), Convert.ToHexString((await RunAsync(["tail", "--from-start", "--stop-at-end"])).Output));
    }

    [Fact]
    public async Task A_tail_ends_after_the_requested_number_of_records()
    {
        await RunAsync(["produce", "before"]);
        var tail = RunAsync(["tail", "--offset", "1", "-n", "3"]);
        await RunAsync(["produce", "a"]);
        await RunAsync(["produce", "b", "c", "d"]);
        Assert.Equal("a\nb\nc\n", (await tail.Within("the tail")).Text);
    }

    [Fact]
    public async Task An_interrupted_tail_succeeds()
    {
        using var interrupt = new CancellationTokenSource();
        var tail = RunAsync(["tail", "--from-start"], stopping: interrupt.Token);
        await interrupt.CancelAsync();
        Assert.Equal(0, (await tail.Within("the tail")).ExitCode);
    }

    public static TheoryData<string[], int, string> Failures => new()
    {
        { ["consume", "--offset", "42"], 1, "error: OUT_OF_RANGE: offset 42 is out of range: the log holds [0, 0)\n" },
        { ["tail", "--offset", "42"], 1, "error: OUT_OF_RANGE: offset 42 is out of range: the log holds [0, 0)\n" },
        { ["tail", "--offset", "1", "--from-start"], 2, "see logkit tail --help" },
        { ["consume"], 2, "see logkit consume --help" },
        { ["consume", "--offset", "-1"], 2, "see logkit consume --help" },
        { ["produce", "--file"], 2, "see logkit produce --help" },
        { ["produce", "--file", "/nowhere/at/all"], 1, "error: " },
        { ["shout"], 2, "see logkit --help" },
        { ["range", "--address", "not an address"], 2, "not an address" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task Errors_are_reported_without_a_stack_trace(string[] arguments, int exitCode, string message)
    {
        var outcome = await RunAsync(arguments);
        Assert.Equal(exitCode, outcome.ExitCode);
        Assert.Contains(message, outcome.Errors, StringComparison.Ordinal);
        Assert.Empty(outcome.Output);
        Assert.DoesNotContain("   at ", outcome.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_name_stands_for_all_servers_in_its_DNS_records()
    {
        var address = $"dns:///localhost:{new Uri(_server.Address).Port}";
        var (exitCode, _, errors) = await RunAsync(["produce", "value", "--address", address]);
        Assert.True(exitCode == 0, errors);
        Assert.Equal("[0, 1) 1 record\n", (await RunAsync(["range", "--address", address])).Text);
        Assert.Equal(2, (await RunAsync(["range", "--address", "dns://resolver/localhost:1"])).ExitCode);
        Assert.Equal(1, (await RunAsync(["range", "--address", $"{address},{_server.Address}"])).ExitCode);
    }

    [Fact]
    public async Task A_missing_server_is_a_one_line_error()
    {
        await _server.StopAsync();
        var outcome = await RunAsync(["range"]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.StartsWith($"error: UNAVAILABLE: cannot reach {_server.Address}", outcome.Errors, StringComparison.Ordinal);
        Assert.Single(outcome.Errors.TrimEnd().Split('\n'));
    }

    private async Task<Outcome> RunAsync(string[] arguments, byte[]? input = null, CancellationToken stopping = default)
    {
        using var stdin = new MemoryStream(input ?? []);
        using var stdout = new MemoryStream();
        await using var stderr = new StringWriter { NewLine = "\n" };
        var exitCode = await CommandLine.RunAsync(
            arguments, new CliContext(stdin, stdout, stderr) { Address = _server.Address }, stopping);
        return new Outcome(exitCode, stdout.ToArray(), stderr.ToString());
    }
}
