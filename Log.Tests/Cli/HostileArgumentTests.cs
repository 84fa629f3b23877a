using System.Diagnostics;
using System.Text;
using LogKit.Cli;
using LogKit.Cli.Errors;
using LogKit.InMemory;
using LogKit.Tests.Support;

namespace LogKit.Tests.Cli;

/// <summary>
/// Invalid arguments, as from a script, and outputs that cannot be written: one line, the right exit code, and no stack trace.
/// </summary>
public sealed class HostileArgumentTests
{
    /// <summary>The program in its own build output. The copy next to the tests would use other versions of its libraries.</summary>
    internal static readonly string LogkitPath = Path.Combine(
        AppContext.BaseDirectory.Replace("Log.Tests", "Log.Cli", StringComparison.Ordinal), "logkit.dll");

    public static TheoryData<string> Blanks => ["", " ", "\t", "\n"];

    [Theory]
    [MemberData(nameof(Blanks))]
    public async Task A_blank_argument_or_option_is_named(string blank)
    {
        string[][] lines =
        [
            ["verify", blank], ["dump", blank], ["repair", blank, "--truncate-at-first-error"], ["produce", "--file", blank],
            ["produce", "--address", blank, "x"], ["tail", "--ca", blank], ["range", "--token-file", blank], ["token", blank],
            ["range", "--cert", blank, "--key", blank], ["tail", "--offset", blank], ["certs", blank], ["bench", "--seconds", blank],
        ];
        foreach (var line in lines)
        {
            var (exitCode, output, errors) = await Logkit.RunAsync(line);
            Assert.True(exitCode == ExitCodes.Usage, $"logkit {string.Join(' ', line)}: {exitCode} {errors}");
            Assert.Empty(output);
            Assert.StartsWith("error: ", errors, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Values_may_look_like_options()
    {
        await using var log = new InMemoryLog();
        await using var server = await TestServer.StartAsync(log);
        string[] values = ["first", "/?", "/h", "[suggest]", "@file", "", " ", "-", "last"];
        Assert.Equal(0, (await Logkit.RunAsync(["produce", "--", .. values], server.Address)).ExitCode);
        Assert.Equal(0, (await Logkit.RunAsync(["produce", "/?", "[suggest:1]"], server.Address)).ExitCode);
        Assert.Equal(ExitCodes.Usage, (await Logkit.RunAsync(["[diagram]", "produce", "x"], server.Address)).ExitCode);
        Assert.Equal([.. values, "/?", "[suggest:1]"], await log.ReadAllTextAsync());
    }

    [Fact]
    public async Task A_token_for_a_server_without_TLS_is_refused_wherever_it_comes_from()
    {
        var (exitCode, _, errors) = await Logkit.RunAsync(["range"], "http://127.0.0.1:1", token: "secret");
        Assert.Equal(ExitCodes.Failed, exitCode);
        Assert.Contains("LOGKIT_TOKEN", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("--version")]
    [InlineData("produce", "--help")]
    public async Task A_full_output_device_is_a_one_line_error(params string[] arguments)
    {
        using var stdin = new MemoryStream();
        await using var stdout = new FullStream();
        await using var stderr = new StringWriter { NewLine = "\n" };
        Assert.Equal(ExitCodes.Failed, await CommandLine.RunAsync(arguments, new CliContext(stdin, stdout, stderr)));
        Assert.Equal("error: cannot write the output: no space left on device\n", stderr.ToString());
    }

    [Fact]
    public async Task A_tail_resumes_after_a_restart_of_its_server_and_reports_its_position()
    {
        using var server = new RestartedServer();
        await server.StartAsync();
        await AppendAsync("first");
        using var stdin = new MemoryStream();
        using var stdout = new MemoryStream();
        await using var stderr = new StringWriter { NewLine = "\n" };
        var tailing = CommandLine.RunAsync(
            ["tail", "--from-start", "-n", "2", "-a", server.Address], new CliContext(stdin, stdout, stderr));
        await Poll.UntilAsync(() => Task.FromResult(stdout.Length > 0), "the first record");
        await server.KillAsync();
        await server.StartAsync();
        await AppendAsync("second");
        Assert.Equal(0, await tailing.Within("the tail to go on"));
        Assert.Equal("first\nsecond\n", Encoding.UTF8.GetString(stdout.ToArray()));
        Assert.StartsWith("interrupted at offset 1, reconnecting: ", stderr.ToString(), StringComparison.Ordinal);

        async Task AppendAsync(string text)
        {
            await using var log = server.Connect();
            await log.AppendBatchAsync(RecordBatch.OfText(text));
        }
    }

    [Fact]
    public async Task A_tail_that_does_not_reconnect_reports_where_to_resume()
    {
        using var server = new RestartedServer();
        await server.StartAsync();
        await using (var log = server.Connect())
            await log.AppendBatchAsync(RecordBatch.OfText("a", "b", "c"));
        using var stdin = new MemoryStream();
        using var stdout = new MemoryStream();
        await using var stderr = new StringWriter { NewLine = "\n" };
        var tailing = CommandLine.RunAsync(
            ["tail", "--from-start", "--no-reconnect", "-a", server.Address], new CliContext(stdin, stdout, stderr));
        await Poll.UntilAsync(() => Task.FromResult(stdout.Length > 0), "the first record");
        await server.KillAsync();
        Assert.Equal(ExitCodes.Failed, await tailing.Within("the tail to end"));
        Assert.StartsWith("the next offset is 3: continue with --offset 3\n", stderr.ToString(), StringComparison.Ordinal);
    }

    [LinuxTheory]
    [InlineData("--help >/dev/full", ExitCodes.Failed, "cannot write the output")]
    [InlineData("--version >&-", ExitCodes.Failed, "cannot write the output")]
    [InlineData("range -a $ADDRESS >/dev/full", ExitCodes.Failed, "cannot write the output")]
    [InlineData("produce -a $ADDRESS <&-", ExitCodes.Failed, "the standard input")]
    [InlineData("produce -a $ADDRESS < <(printf once) 7<&0", ExitCodes.Done, "")]
    [InlineData("produce -a $ADDRESS once 2>/dev/full", ExitCodes.Done, "")]
    [InlineData("produce -a $ADDRESS once 2>&-", ExitCodes.Done, "")]
    [InlineData("nonsense 2>/dev/full", ExitCodes.Usage, "")]
    public async Task The_exit_code_is_correct_whatever_happens_to_the_standard_streams(string line, int expected, string words)
    {
        await using var log = new InMemoryLog();
        await using var server = await TestServer.StartAsync(log);
        var start = new ProcessStartInfo("bash", ["-c", $"dotnet {LogkitPath} {line}"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment["ADDRESS"] = server.Address;
        using var process = Process.Start(start)!;
        var errors = await process.StandardError.ReadToEndAsync().Within("the command");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == expected, $"{process.ExitCode}: {errors}");
        Assert.Contains(words, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
        Assert.Equal(line.Contains("once", StringComparison.Ordinal) ? ["once"] : [], await log.ReadAllTextAsync());
    }

    private sealed class FullStream : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => throw new IOException("no space left on device");

        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("no space left on device");
    }
}
