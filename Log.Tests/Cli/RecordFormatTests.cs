using System.Diagnostics;
using System.Text;
using LogKit.Cli;
using LogKit.Cli.Errors;
using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Cli;

/// <summary>How records are separated in input and output, and the messages for records that cannot be produced.</summary>
public sealed class RecordFormatTests : IAsyncLifetime
{
    private readonly TestLog _log = TestLog.Open(Backend.InMemory);
    private readonly TestDirectory _directory = new();
    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await TestServer.StartAsync(_log.Log);

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        await _log.DisposeAsync();
        _directory.Dispose();
    }

    public static TheoryData<string[], string, string[]> Inputs => new()
    {
        { ["-0"], "a\nb\0c\0", ["a\nb", "c"] },
        { ["--null"], "a\0\0b", ["a", "", "b"] },
        { ["--delimiter", ";"], "a;b\n;c", ["a", "b\n", "c"] },
        { ["--delimiter", @"\0"], "a\0b", ["a", "b"] },
        { ["--delimiter", @"\t"], "a\tb\n", ["a", "b\n"] },
        { ["--delimiter", @"\x1e"], "a\u001eb", ["a", "b"] },
        { ["--delimiter", " "], "a b", ["a", "b"] },
        { ["--delimiter", @"\n"], "a\nb\n", ["a", "b"] },
        { ["--whole"], "a\nb\n", ["a\nb\n"] },
        { ["--whole"], "", [""] },
        { ["--format", "json"], """{"value":"a\nb"}""" + "\n" + """{"offset":7,"base64":"Yw=="}""", ["a\nb", "c"] },
        { ["--format", "text"], "a\nb", ["a", "b"] },
    };

    [Theory]
    [MemberData(nameof(Inputs))]
    public async Task Records_are_separated_as_the_options_say(string[] options, string input, string[] records)
    {
        var (exitCode, _, errors) = await RunAsync(["produce", .. options], Encoding.UTF8.GetBytes(input));
        Assert.True(exitCode == ExitCodes.Done, errors);
        Assert.Equal(records, await _log.Log.ReadAllTextAsync());
    }

    [Theory]
    [InlineData("--format", "json")]
    [InlineData("-0")]
    public async Task The_output_of_a_tail_can_be_produced_again(params string[] format)
    {
        byte[][] values = ["a\nb"u8.ToArray(), [], "ünï \"quoted\" \\"u8.ToArray(), format is ["-0"] ? [0xFF, 0x0A] : [0xFF, 0x00, 0x0A]];
        await _log.Log.AppendBatchAsync(new RecordBatch([.. values.Select(value => new Record(value))]));
        var written = await RunAsync(["tail", "--from-start", "--stop-at-end", .. format]);
        Assert.Equal(ExitCodes.Done, (await RunAsync(["produce", .. format], written.Output)).ExitCode);
        var again = await _log.Log.ReadBatchAsync((ulong)values.Length);
        Assert.Equal(values, again.Select(record => record.Value.ToArray()));
    }

    [Fact]
    public async Task Json_shows_offsets_and_the_text_of_records_that_are_text()
    {
        await _log.Log.AppendBatchAsync(
            new RecordBatch(new Record("first"u8.ToArray()), new Record("ü\n"u8.ToArray()), new Record(new byte[] { 0xFF })));
        const string Expected =
            """
            {"offset":1,"value":"ü\n"}
            {"offset":2,"base64":"/w=="}

            """;
        Assert.Equal(
            Expected,
            Encoding.UTF8.GetString((await RunAsync(["tail", "--offset", "1", "--stop-at-end", "--format", "json"])).Output),
            ignoreLineEndingDifferences: true);
        Assert.Equal(
            Expected,
            Encoding.UTF8.GetString((await RunAsync(["consume", "--offset", "1", "--format", "json"])).Output),
            ignoreLineEndingDifferences: true);
    }

    [Theory]
    [InlineData("--delimiter 'ab' must be one ASCII character", "produce", "--delimiter", "ab")]
    [InlineData("--delimiter 'ü' must be one ASCII character", "tail", "--delimiter", "ü")]
    [InlineData("--delimiter '' must be one ASCII character", "consume", "--offset", "0", "--delimiter", "")]
    [InlineData("--format 'xml' must be text or json", "tail", "--format", "xml")]
    [InlineData("--null and --whole cannot be combined", "produce", "-0", "--whole")]
    [InlineData("--delimiter and --format cannot be combined", "tail", "--delimiter", ",", "--format", "json")]
    [InlineData("--whole and values cannot be combined", "produce", "--whole", "value")]
    public async Task Contradictory_options_are_named(string message, params string[] arguments)
    {
        var (exitCode, _, errors) = await RunAsync(arguments);
        Assert.Equal(ExitCodes.Usage, exitCode);
        Assert.StartsWith($"error: {message}", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("first", "line 2 of FILE is not a JSON object")]
    [InlineData("[1]", "line 2 of FILE is not a JSON object")]
    [InlineData("{}", "line 2 of FILE must have exactly one of \"value\", which is text, and \"base64\"")]
    [InlineData("""{"value":1}""", "line 2 of FILE has a \"value\" that is not a string")]
    [InlineData("""{"value":"\ud800"}""", "line 2 of FILE is not a JSON object")]
    [InlineData("""{"base64":"?"}""", "line 2 of FILE has a \"base64\" that is not Base64")]
    [InlineData("", "line 2 of FILE is not a JSON object")]
    public async Task A_line_that_is_not_a_record_is_reported_with_the_position_to_resume_at(string line, string message)
    {
        await File.WriteAllTextAsync(_directory["in.json"], "{\"value\":\"first\"}\n" + line + "\n{\"value\":\"last\"}\n");
        var (exitCode, _, errors) = await RunAsync(["produce", "--format", "json", "--file", _directory["in.json"]]);
        Assert.Equal(ExitCodes.Failed, exitCode);
        var lines = errors.Replace(_directory["in.json"], "FILE", StringComparison.Ordinal).TrimEnd().Split('\n');
        Assert.Equal("acknowledged offset 0, 1 record: line 1 of FILE", lines[0]);
        Assert.StartsWith($"error: {message}", lines[1], StringComparison.Ordinal);
        Assert.EndsWith(
            "; line 1 of FILE is stored and nothing after it: fix it, then go on from line 2: tail -n +2 FILE | logkit produce --format "
                + "json",
            lines[1],
            StringComparison.Ordinal);
        Assert.Equal(["first"], await _log.Log.ReadAllTextAsync());
    }

    public static TheoryData<long, string> Limits => new()
    {
        { 5_000, "has 5000 bytes, which is more than the server's limit of 1024" }, // the limit on a batch
        { 100_000, "has 100000 bytes, which is more than the server's limit of 65536" }, // the limit on a message
        { 65 * 1024 * 1024, "is larger than 67108864 bytes, which no log accepts" }, // the limit of the command itself
    };

    [Theory]
    [MemberData(nameof(Limits))]
    public async Task A_line_that_is_too_large_is_reported_with_its_size_and_the_position_to_resume_at(long sizeBytes, string message)
    {
        using var server = ServerProcess.StartOn(_directory["log"], "--Log:BatchLimitBytes=1024", "--Log:MessageLimitBytes=65536");
        var file = _directory["words.txt"];
        await File.WriteAllTextAsync(file, $"one\ntwo\n{new string('x', (int)sizeBytes)}\nlast\n");
        var (exitCode, _, errors) = await RunAsync([
            "produce", "--file", file, "--batch-bytes", "1000", "--address", await server.AddressAsync(),
        ]);
        Assert.Equal(ExitCodes.Failed, exitCode);
        const string GoOn = "then go on from line 3: tail -n +3";
        var stored = $"lines 1 to 2 of {file}";
        Assert.Equal(
            $"""
            acknowledged offsets 0 to 1, 2 records: {stored}
            error: line 3 of {file} {message}; {stored} are stored and nothing after them: REMEDY, {GoOn} {file} | logkit produce

            """,
            errors
                .Replace("shorten or remove it", "REMEDY", StringComparison.Ordinal)
                .Replace("fix it", "REMEDY", StringComparison.Ordinal),
            ignoreLineEndingDifferences: true);
        await using var log = GrpcLog.Connect(await server.AddressAsync());
        Assert.Equal(["one", "two"], await log.ReadAllTextAsync());
    }

    [Fact]
    public async Task Too_many_lines_for_a_batch_are_reported()
    {
        using var server = ServerProcess.StartOn(_directory["log"], "--Log:BatchLimitBytes=1024");
        var input = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(1000, 500).Select(i => $"{i}\n")));
        var (exitCode, _, errors) = await RunAsync(["produce", "--address", await server.AddressAsync()], input);
        Assert.Equal(ExitCodes.Failed, exitCode);
        Assert.Equal(
            "error: lines 1 to 500 of the standard input make a batch of 4000 bytes, which is more than the server's limit of 1024; "
            + "nothing is stored: give --batch-bytes 1024 or less, then go on from line 1\n", errors);
    }

    [LinuxFact]
    public async Task An_interrupt_ends_the_wait_for_the_writer_of_a_named_pipe()
    {
        using (var making = Process.Start("mkfifo", _directory["pipe"]))
            await making.WaitForExitAsync();
        foreach (var arguments in new string[][]
            {
                ["produce", "--file", _directory["pipe"]],
                ["range", "--address", "https://127.0.0.1:1", "--token-file", _directory["pipe"]],
            })
        {
            using var interrupt = new CancellationTokenSource();
            var running = RunAsync(arguments, stopping: interrupt.Token);
            await interrupt.CancelAsync();
            Assert.Equal((ExitCodes.Failed, "error: CANCELLED: interrupted\n"), await ExitAsync(running));
        }

        static async Task<(int, string)> ExitAsync(Task<(int ExitCode, byte[] Output, string Errors)> running)
        {
            var (exitCode, _, errors) = await running.Within("the command to end");
            return (exitCode, errors);
        }
    }

    private async Task<(int ExitCode, byte[] Output, string Errors)> RunAsync(
        string[] arguments, byte[]? input = null, CancellationToken stopping = default)
    {
        using var stdin = new MemoryStream(input ?? []);
        using var stdout = new MemoryStream();
        await using var stderr = new StringWriter { NewLine = "\n" };
        var exitCode = await CommandLine.RunAsync(
            arguments, new CliContext(stdin, stdout, stderr) { Address = _server.Address }, stopping);
        return (exitCode, stdout.ToArray(), stderr.ToString());
    }
}
