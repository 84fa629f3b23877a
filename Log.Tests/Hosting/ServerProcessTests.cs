using System.Net;
using System.Net.Sockets;
using LogKit.Client;
using LogKit.Disk;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hosting;

/// <summary>The server as its operator sees it: startup, messages, shutdown, and invalid settings.</summary>
public sealed class ServerProcessTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_signal_drains_the_server_ends_tails_and_exits_with_0(string signal)
    {
        using var server = ServerProcess.StartOn(_directory["log"]);
        await using var log = GrpcLog.Connect(await server.AddressAsync());
        await log.AppendBatchAsync(RecordBatch.OfText("kept"));
        await using var tail = log.ReadFromAsync(0, stopAtEnd: false).GetAsyncEnumerator();
        Assert.True(await tail.MoveNextAsync());
        var next = tail.MoveNextAsync().AsTask();

        server.Signal(signal);
        var ended = await Assert.ThrowsAsync<LogUnavailableException>(() => next.Within("the tail to end"));
        Assert.Equal("the server is shutting down", ended.Message);
        Assert.Equal(0, await server.ExitCodeAsync());
        Assert.Contains("stopped", server.Output, StringComparison.Ordinal);
        Assert.Empty(server.Errors);

        await using var reopened = DiskLog.Open(_directory["log"]);
        Assert.True(reopened.Recovery.WasClosedCleanly);
        Assert.Equal(["kept"], await reopened.ReadAllTextAsync());
    }

    [Fact]
    public async Task It_reports_its_address_the_data_directory_and_the_result_of_recovery()
    {
        using (var server = ServerProcess.StartOn(_directory["log"]))
        {
            await using var log = GrpcLog.Connect(await server.AddressAsync());
            await log.AppendBatchAsync(RecordBatch.OfText("a", "b"));
            server.Signal("KILL");
            await server.ExitCodeAsync();
            Assert.Contains($"data in {_directory["log"]}: a new log, range [0, 0)", server.Output, StringComparison.Ordinal);
        }

        using var restarted = ServerProcess.StartOn(_directory["log"]);
        await restarted.AddressAsync();
        restarted.Signal("TERM");
        await restarted.ExitCodeAsync();
        Assert.Contains(
            $"data in {_directory["log"]}: not closed cleanly, recovered, range [0, 2), segments: 1",
            restarted.Output,
            StringComparison.Ordinal);
    }

    /// <remarks>Kills the server 20 times. <c>LOGKIT_EFFORT=25</c> makes that 500.</remarks>
    [Fact]
    public async Task A_server_killed_during_appends_keeps_everything_that_it_acknowledged()
    {
        var acknowledged = new List<(ulong Offset, string Text)>();
        for (var round = 0; round < 20 * TestSeed.Effort; round++)
        {
            using var server = ServerProcess.StartOn(_directory["log"], "--Log:SegmentLimitBytes=65536");
            await using var log = GrpcLog.Connect(await server.AddressAsync());
            var enough = new Countdown(200);
            var appends = Enumerable.Range(0, 8).Select(producer => AppendUntilKilledAsync(log, $"{round}/{producer}", enough)).ToList();
            await enough.Reached.Within("200 acknowledged appends");
            server.Signal("KILL");
            foreach (var append in appends)
                acknowledged.AddRange(await append.Within("a producer to notice"));
        }

        await using var recovered = DiskLog.Open(_directory["log"]);
        var all = await recovered.ReadAllTextAsync();
        foreach (var (offset, text) in acknowledged)
            Assert.Equal(text, all[(int)offset]);
        Assert.Equal(all.Count, all.Distinct().Count());
    }

    [Fact]
    public async Task Retention_settings_remove_the_oldest_records()
    {
        const int LimitBytes = 3 * 65536;
        using var server = ServerProcess.StartOn(
            _directory["log"], "--Log:SegmentLimitBytes=65536", $"--Log:RetentionLimitBytes={LimitBytes}", "--Log:RetentionLimitHours=24");
        await using var log = GrpcLog.Connect(await server.AddressAsync());
        for (var i = 0; i < 50; i++)
            await log.AppendBatchAsync(RecordBatch.OfText($"{i} {new string('x', 20_000)}"));

        var truncated = await Assert.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchAsync(0).AsTask());
        Assert.Equal($"offset 0 was truncated: the log holds {truncated.Range}", truncated.Message);
        Assert.Equal(50ul, truncated.Range.NextOffset);
        Assert.StartsWith(
            $"{truncated.Range.StartOffset} ",
            (await log.ReadBatchAsync(truncated.Range.StartOffset))[0].ToString(),
            StringComparison.Ordinal);
        Assert.InRange(Directory.GetFiles(_directory["log"], "*.log").Sum(path => new FileInfo(path).Length), 1, LimitBytes);
    }

    [Fact]
    public async Task The_memory_backend_warns_that_it_keeps_nothing()
    {
        using var server = ServerProcess.Start(["--Log:Address=http://127.0.0.1:0", "--Log:Backend=memory"]);
        await using var log = GrpcLog.Connect(await server.AddressAsync());
        Assert.Equal(0ul, await log.AppendBatchAsync(RecordBatch.OfText("a")));
        server.Signal("TERM");
        Assert.Equal(0, await server.ExitCodeAsync());
        Assert.Contains("lost when the server stops", server.Output, StringComparison.Ordinal);
    }

    private static string[] Tls => ["--Log:Address=https://127.0.0.1:0", "--Log:CertificateFile=server.crt", "--Log:KeyFile=server.key"];

    public static TheoryData<string[], string> WrongSettings =>
        new()
        {
            { ["--Log:Directry=x"], "error: Log:Directry=x: unknown setting: did you mean Log:Directory?" },
            { ["--Log:Backend=Mongo"], "error: Log:Backend=Mongo: must be Disk, Memory or Postgres" },
            { ["--Log:Backend=0"], "error: Log:Backend=0: must be Disk, Memory or Postgres" },
            { ["--Log:FlushMode="], "error: Log:FlushMode=: must be Always, Interval or Never" },
            { ["--Log:FlushIntervalMs=0"], "error: Log:FlushIntervalMs=0: must be a number from 1 to 60000" },
            { ["--Log:BatchLimitBytes=4MB"], "error: Log:BatchLimitBytes=4MB: must be a number from 1024 to 8388608" },
            { ["--Log:RetentionLimitHours=0"], "error: Log:RetentionLimitHours=0: must be none, or a number from 1 to 876000" },
            {
                ["--Log:RetentionLimitBytes=1GB"],
                "error: Log:RetentionLimitBytes=1GB: must be none, or a number from twice the size of a segment on"
            },
            {
                ["--Log:RetentionLimitBytes=134217727"],
                "error: Log:RetentionLimitBytes=134217727: must be at least 134217728, twice Log:SegmentLimitBytes"
            },
            {
                ["--Log:Address=127.0.0.1:8400"],
                "error: Log:Address=127.0.0.1:8400: must be http://ADDRESS:PORT or https://ADDRESS:PORT, with a number or localhost for "
                    + "ADDRESS"
            },
            {
                ["--Log:Address=http://0.0.0.0:0"],
                "error: Log:Address=http://0.0.0.0:0: plaintext is served on loopback addresses only, unless --insecure is given"
            },
            {
                ["--Log:Address=https://127.0.0.1:0"],
                "error: Log:Address=https://127.0.0.1:0: TLS needs a certificate and its key: set Log:CertificateFile and Log:KeyFile"
            },
            {
                ["--Log:TokensFile=t"],
                "error: Log:TokensFile=t: requires TLS: set Log:Address to an address that begins with https"
            },
            {
                [.. Tls, "--Log:ClientCaFile=ca.crt"],
                "error: Log:ClientCaFile=ca.crt: identifies callers, but nothing says what they may do: set Log:AccessFile"
            },
            {
                [.. Tls, "--Log:AccessFile=access"],
                "error: Log:AccessFile=access: says what callers may do, but nothing identifies them: set Log:ClientCaFile or "
                    + "Log:TokensFile"
            },
            {
                [.. Tls, "--Log:Address=https://0.0.0.0:0"],
                "error: Log:Address=https://0.0.0.0:0: anyone who can connect could produce and consume: set Log:AccessFile, or pass "
                    + "--insecure"
            },
            {
                ["--Log:MessageLimitBytes=65536"],
                "error: Log:MessageLimitBytes=65536: must be at least 4194304, 1 KiB over Log:BatchLimitBytes"
            },
            { ["--Log:StreamLimit=0"], "error: Log:StreamLimit=0: must be a number from 1 to 1000000" },
            { ["--Log:Directory:Sub=x"], "error: Log:Directory:Sub=x: unknown setting" },
            { ["--Log:FlushMode=Always,Never"], "error: Log:FlushMode=Always,Never: must be Always, Interval or Never" },
            { ["--Log:Backend=+1"], "error: Log:Backend=+1: must be Disk, Memory or Postgres" },
            { ["--Log:Directory", "--insecure"], "error: --Log:Directory: the value is missing" },
            {
                ["--Log:Address=http://a:b@127.0.0.1:1"],
                "error: Log:Address=http://a:b@127.0.0.1:1: must be http://ADDRESS:PORT or https://ADDRESS:PORT, with a number or "
                    + "localhost for ADDRESS"
            },
            {
                ["--urls=http://127.0.0.1:1"],
                "error: --urls=http://127.0.0.1:1: unknown argument: settings are given as --Log:Key=value; see --help"
            },
            { ["--Log:Directory"], "error: --Log:Directory: the value is missing" },
            { ["--log-format", "xml"], "error: Log:JournalFormat=xml: must be Text or Json" },
            { ["--log-format"], "error: --log-format: the value is missing" },
            {
                ["--health"],
                "error: --health: must be the address of a server: http://HOST:PORT or https://HOST:PORT, or http://HOST:PORT/readyz at "
                    + "its management address"
            },
            {
                ["--Log:Address=http://localhost"],
                "error: Log:Address=http://localhost: must be http://ADDRESS:PORT or https://ADDRESS:PORT, with a number or localhost for "
                    + "ADDRESS"
            },
            {
                ["--Log:Address=http://[::1]"],
                "error: Log:Address=http://[::1]: must be http://ADDRESS:PORT or https://ADDRESS:PORT, with a number or localhost for "
                    + "ADDRESS"
            },
            {
                ["--Logging:LogLevel:Default=Chatty"],
                "error: Logging:LogLevel:Default=Chatty: must be Trace, Debug, Information, Warning, Error, Critical or None"
            },
            {
                ["--Logging:LogLevel:Default=2"],
                "error: Logging:LogLevel:Default=2: must be Trace, Debug, Information, Warning, Error, Critical or None"
            },
            {
                ["--Logging:LogLevel=None"],
                "error: Logging:LogLevel=None: unknown setting: levels are given as Logging:LogLevel:CATEGORY"
            },
            {
                ["--Logging:Level:Default=None"],
                "error: Logging:Level:Default=None: unknown setting: levels are given as Logging:LogLevel:CATEGORY"
            },
            { ["start"], "error: start: unknown argument: settings are given as --Log:Key=value; see --help" },
        };

    [Theory]
    [MemberData(nameof(WrongSettings))]
    public async Task An_invalid_setting_is_a_one_line_error_with_exit_code_1(string[] arguments, string message) =>
        await AssertRefusedAsync(ServerProcess.Start(arguments), message);

    [Theory]
    [InlineData("--version")]
    [InlineData("--help")]
    [InlineData("--Log:Backend=Memory", "--help")]
    public async Task Version_and_help_are_answered(params string[] arguments)
    {
        using var server = ServerProcess.Start(arguments);
        Assert.Equal((0, ""), (await server.ExitCodeAsync(), server.Errors));
        Assert.Matches(arguments is ["--version"] ? @"\A[0-9]+\.[0-9]+\.[0-9]+\S*\s*\z" : "Usage: ", server.Output);
    }

    [Fact]
    public async Task A_misspelled_variable_is_reported() =>
        await AssertRefusedAsync(
            ServerProcess.Start([], ("Log__Flushmode2", "Always")),
            "error: Log:Flushmode2=Always: unknown setting: did you mean Log:FlushMode?");

    [Fact]
    public async Task Another_way_to_open_a_port_is_refused() => await AssertRefusedAsync(
        ServerProcess.Start([], ("Kestrel__Endpoints__X__Url", "http://0.0.0.0:0")),
        "error: Kestrel:Endpoints: the server listens only on Log:Address");

    [Fact]
    public async Task A_port_in_use_is_a_one_line_error_with_exit_code_1()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var address = $"http://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}";
        await AssertRefusedAsync(
            ServerProcess.Start([$"--Log:Address={address}", $"--Log:Directory={_directory["log"]}"]),
            $"error: Log:Address={address}: the address is in use: stop the other server, or choose another port");
    }

    [Fact]
    public async Task An_unusable_certificate_is_a_one_line_error_with_exit_code_1()
    {
        using var authority = new TestAuthority();
        var (certificate, key) = (_directory["server.crt"], _directory["server.key"]);
        string[] settings = ["--Log:Address=https://127.0.0.1:0", $"--Log:CertificateFile={certificate}", $"--Log:KeyFile={key}"];
        await AssertRefusedAsync(
            ServerProcess.Start(settings), $"error: Log:CertificateFile={certificate}: Could not find file '{certificate}'.");

        await File.WriteAllTextAsync(certificate, authority.Server().Certificate);
        await File.WriteAllTextAsync(key, authority.Server().Key);
        using var server = ServerProcess.Start(settings);
        Assert.Equal(1, await server.ExitCodeAsync());
        Assert.StartsWith(
            $"error: Log:CertificateFile={certificate}: it is not a PEM certificate with its PEM key: ",
            server.Errors,
            StringComparison.Ordinal);

        var (expired, keyOfExpired) = authority.Server(daysFrom: -30, daysTo: -1);
        await File.WriteAllTextAsync(certificate, expired);
        await File.WriteAllTextAsync(key, keyOfExpired);
        using var late = ServerProcess.Start(settings);
        Assert.Equal(1, await late.ExitCodeAsync());
        Assert.StartsWith($"error: Log:CertificateFile={certificate}: its certificate expired on ", late.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_in_use_is_a_one_line_error_with_exit_code_1()
    {
        using var first = ServerProcess.StartOn(_directory["log"]);
        await first.AddressAsync();
        await AssertRefusedAsync(
            ServerProcess.StartOn(_directory["log"]),
            $"error: Log:Directory={_directory["log"]}: the log in {_directory["log"]} is in use by another process, or by another "
                + "DiskLog in this one");
    }

    [Fact]
    public async Task A_directory_that_cannot_be_created_is_a_one_line_error_with_exit_code_1()
    {
        await File.WriteAllTextAsync(_directory["file"], "in the way");
        using var server = ServerProcess.StartOn(_directory["file"]);
        Assert.Equal(1, await server.ExitCodeAsync());
        Assert.StartsWith($"error: Log:Directory={_directory["file"]}: ", server.Errors, StringComparison.Ordinal);
        Assert.Single(server.Errors.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task A_damaged_log_is_a_one_line_error_with_exit_code_1()
    {
        Directory.CreateDirectory(_directory["log"]);
        await File.WriteAllTextAsync(Path.Combine(_directory["log"], "00000000000000000000.log"), new string('x', 5000));
        await AssertRefusedAsync(
            ServerProcess.StartOn(_directory["log"]),
            $"error: Log:Directory={_directory["log"]}: 00000000000000000000.log is damaged at byte 0 (offset 0): the header does not "
                + "begin with the magic of a segment");
    }

    private static async Task AssertRefusedAsync(ServerProcess process, string message)
    {
        using var server = process;
        Assert.Equal(1, await server.ExitCodeAsync());
        Assert.Equal(message, server.Errors.TrimEnd());
        Assert.Empty(server.Output);
    }

    private static async Task<List<(ulong Offset, string Text)>> AppendUntilKilledAsync(GrpcLog log, string name, Countdown reached)
    {
        var acknowledged = new List<(ulong Offset, string Text)>();
        try
        {
            for (var i = 0; ; i++)
            {
                var text = $"{name}/{i}";
                acknowledged.Add((await log.AppendBatchAsync(RecordBatch.OfText(text)), text));
                reached.CountDown();
            }
        }
        catch (LogException)
        {
            return acknowledged;
        }
    }

    private sealed class Countdown(int count)
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _left = count;

        public Task Reached => _reached.Task;

        public void CountDown()
        {
            if (Interlocked.Decrement(ref _left) == 0)
                _reached.SetResult();
        }
    }
}
