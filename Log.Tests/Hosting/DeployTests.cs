using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using Grpc.Core;
using Grpc.Net.Client;
using LogKit.Client;
using LogKit.Server.Backends;
using LogKit.Server.Settings;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Hosting;

/// <summary>The server under systemd and in a container: unit files, health checks, and a stop with a time limit.</summary>
public sealed partial class DeployTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Systemd_is_notified_when_the_server_listens_and_when_it_stops()
    {
        using var notify = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        notify.Bind(new UnixDomainSocketEndPoint(_directory["notify"]));
        using var server = ServerProcess.Start(
            ["--Log:Address=http://127.0.0.1:0", "--Log:Backend=Memory"], ("NOTIFY_SOCKET", _directory["notify"]));
        Assert.Equal("READY=1", await ReceiveAsync(notify));
        await using (var log = GrpcLog.Connect(await server.AddressAsync()))
            Assert.Equal(0ul, (await log.GetRangeAsync()).NextOffset);
        server.Signal("TERM");
        Assert.Equal("STOPPING=1", await ReceiveAsync(notify));
        Assert.Equal(0, await server.ExitCodeAsync());
    }

    [Fact]
    public async Task A_missing_service_manager_does_not_keep_the_server_from_starting()
    {
        using var server = ServerProcess.Start(
            ["--Log:Address=http://127.0.0.1:0", "--Log:Backend=Memory"], ("NOTIFY_SOCKET", _directory["nobody"]));
        server.Expects(19, 19);
        await server.SaysAsync(
            $"cannot notify the service manager at {_directory["nobody"]} (NOTIFY_SOCKET) that the server is ready");
        await using (var log = GrpcLog.Connect(await server.AddressAsync()))
            Assert.Equal(0ul, (await log.GetRangeAsync()).NextOffset);
        server.Signal("TERM");
        Assert.Equal(0, await server.ExitCodeAsync());
        Assert.Equal("", server.Errors);
    }

    [ToolFact("/usr/bin/systemd-analyze")]
    public async Task The_unit_file_is_sound_and_hardened()
    {
        var unit = await File.ReadAllTextAsync(DeployFile("logkit.service"));
        await File.WriteAllTextAsync(
            _directory["logkit.service"], unit.Replace("/opt/logkit/LogKit.Server", "/bin/true", StringComparison.Ordinal));
        Directory.CreateDirectory(_directory["logkit.service.d"]);
        File.Copy(DeployFile("logkit-tls.conf"), Path.Combine(_directory["logkit.service.d"], "tls.conf"));
        var (exitCode, output) = await RunAsync("systemd-analyze", "verify", "--man=no", _directory["logkit.service"]);
        Assert.True(
            exitCode == 0
                && !output.Contains("logkit.service", StringComparison.Ordinal)
                && !output.Contains("tls.conf", StringComparison.Ordinal),
            output);
        (exitCode, output) = await RunAsync("systemd-analyze", "security", "--offline=yes", "--threshold=20", _directory["logkit.service"]);
        Assert.True(exitCode == 0, output); // the exposure level is at most 2.0 out of 10
    }

    /// <remarks>
    /// Tests cannot use the systemd of the machine. <c>as-systemd.py</c> does what systemd would do, and kills a process that does
    /// something that the unit forbids. Besides starting and stopping, the server exercises the features that need the most system calls:
    /// TLS, segments that are rolled and removed, and reloaded files.
    /// </remarks>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_unit_file_permits_everything_that_the_server_does(bool isSecure)
    {
        RequireSystemd();
        using var authority = new TestAuthority();
        Directory.CreateDirectory(_directory["state"]);
        var tls = Directory.CreateDirectory(_directory["etc/tls"]).FullName;
        await File.WriteAllTextAsync(Path.Combine(tls, "ca.crt"), authority.Pem);
        await File.WriteAllTextAsync(Path.Combine(tls, "access"), "alice produce consume\n");
        var (certificate, key) = authority.Server();
        await File.WriteAllTextAsync(Path.Combine(tls, "server.crt"), certificate);
        await File.WriteAllTextAsync(Path.Combine(tls, "server.key"), key);
        if (!OperatingSystem.IsWindows())
        {
            foreach (var file in Directory.EnumerateFiles(tls))
                File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite); // the mode that logkit certs uses
        }

        await File.WriteAllTextAsync(
            _directory["etc/environment"],
            $"Log__Address={(isSecure ? "https" : "http")}://127.0.0.1:0\nLog__SegmentLimitBytes=65536\nLog__RetentionLimitBytes=200000\n");
        using var client = authority.Client("alice");
        await File.WriteAllTextAsync(_directory["alice.crt"], client.ExportCertificatePem());
        await File.WriteAllTextAsync(_directory["alice.key"], client.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());

        var name = $"logkit-test-{Guid.NewGuid():N}";
        using var notify = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        notify.Bind(new UnixDomainSocketEndPoint($"\0{name}"));
        string[] units = isSecure ? ["logkit.service", "logkit-tls.conf"] : ["logkit.service"];
        var start = new ProcessStartInfo(
            "/usr/bin/python3",
            [
                Repository.PathOf("Log.Tests/Hosting/as-systemd.py"),
                AppContext.BaseDirectory,
                _directory["state"],
                _directory["etc"],
                .. units.Select(DeployFile),
            ]);
        start.Environment["NOTIFY_SOCKET"] = $"@{name}";
        using var server = ServerProcess.Start(start);
        server.Expects(25);
        var ready = ReceiveAsync(notify);
        // The certificate is for localhost.
        var address = (await AddressOrSkipAsync(server)).Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
        Assert.Equal("READY=1", await ready);

        var options = isSecure
            ? new GrpcLogOptions
            {
                CaFile = Path.Combine(tls, "ca.crt"),
                CertificateFile = _directory["alice.crt"],
                KeyFile = _directory["alice.key"],
            }
            : new GrpcLogOptions();
        await using (var log = GrpcLog.Connect(address, options))
        {
            for (var i = 0ul; i < 20; i++)
                Assert.Equal(i, await log.AppendBatchAsync(new RecordBatch(new Record(new byte[40_000]))));
            Assert.InRange((await log.GetRangeAsync()).StartOffset, 10ul, 19ul); // segments were removed
        }

        server.Signal("HUP");
        await using (var log = GrpcLog.Connect(address, options))
            Assert.Equal(20ul, (await log.GetRangeAsync()).NextOffset);
        server.Signal("TERM");
        Assert.Equal("STOPPING=1", await ReceiveAsync(notify));
        Assert.Equal((0, ""), (await server.ExitCodeAsync(), server.Errors));
    }

    [Theory]
    [InlineData("logkit.service")]
    [InlineData("logkit-tls.conf")]
    [InlineData("Containerfile")]
    [InlineData("kubernetes.yaml")]
    public async Task Every_setting_in_a_deployment_file_exists(string file)
    {
        var names = SettingName()
            .Matches(await File.ReadAllTextAsync(DeployFile(file)))
            .Select(match => match.Groups["name"].Value)
            .ToHashSet();
        Assert.NotEmpty(names);
        Assert.Empty(names.Except(new SettingTable(BuiltInBackends.All).Rows.Select(setting => setting.Name)));
    }

    [Fact]
    public async Task The_probe_reports_whether_a_server_is_serving()
    {
        using var server = ServerProcess.Start(["--Log:Address=http://127.0.0.1:0", "--Log:Backend=Memory"]);
        var address = await server.AddressAsync();
        using var well = ServerProcess.Start(["--health", address]);
        Assert.Equal((0, ""), (await well.ExitCodeAsync(), well.Errors));
        server.Signal("TERM");
        await server.ExitCodeAsync();
        using var gone = ServerProcess.Start(["--health", address]);
        Assert.Equal(1, await gone.ExitCodeAsync());
        Assert.StartsWith($"{address}: Unavailable: ", gone.Errors, StringComparison.Ordinal);
        using var wrong = ServerProcess.Start(["--health", "here"]);
        Assert.Equal(1, await wrong.ExitCodeAsync());
        Assert.Equal(
            "error: --health=here: must be the address of a server: http://HOST:PORT or https://HOST:PORT, or http://HOST:PORT/readyz at "
                + "its management address",
            wrong.Errors.TrimEnd());
    }

    [Fact]
    public async Task The_probe_needs_neither_an_identity_nor_an_authority()
    {
        await using var server = await SecureServer.StartAsync("alice consume\n");
        using var probe = ServerProcess.Start(["--health", $"https://localhost:{server.Port}"]);
        Assert.Equal((0, ""), (await probe.ExitCodeAsync(), probe.Errors));
    }

    [Fact]
    public async Task A_stop_waits_no_longer_than_its_limit_for_a_client_that_does_not_read()
    {
        using var server = ServerProcess.StartOn(_directory["log"], "--Log:StopLimitMs=100");
        var address = await server.AddressAsync();
        await using var log = GrpcLog.Connect(address);
        for (var i = 0; i < 8; i++)
            await log.AppendBatchAsync(new RecordBatch(new Record(new byte[1024 * 1024])));
        using var channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { MaxReceiveMessageSize = null });
        using var stalled = new V1.Log.LogClient(channel).ConsumeStream(new ConsumeRequest());
        Assert.True(await stalled.ResponseStream.MoveNext().Within("the first record"));

        server.Signal("TERM");
        Assert.Equal(0, await server.ExitCodeAsync());
        await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await stalled.ResponseStream.MoveNext().Within("the end of the stream"))
            {
                // Batches that were sent before the stream was cut off.
            }
        });
    }

    [GeneratedRegex(@"\bLog(?::|__)(?<name>\w+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SettingName();

    private static void RequireSystemd()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && File.Exists("/usr/bin/systemd-analyze"), "there is no systemd-analyze on this machine");
        Skip.IfNot(File.Exists("/usr/bin/python3"), "there is no python3 on this machine");
        Skip.IfNot(Environment.IsPrivilegedProcess, "only root can start a program as systemd does");
    }

    private static async Task<string> AddressOrSkipAsync(ServerProcess server)
    {
        try
        {
            return await server.AddressAsync();
        }
        catch (InvalidOperationException) when (server.ExitCodeAsync().IsCompletedSuccessfully)
        {
            Skip.If(await server.ExitCodeAsync() == 125, server.Errors);
            throw;
        }
    }

    private static string DeployFile(string name) => Repository.PathOf($"Log.Server/Deploy/{name}");

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var buffer = new byte[1024];
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer).Within("a word to systemd"));
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string command, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(command, arguments)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().Within($"{command} to end");
        return (process.ExitCode, await output + await errors);
    }
}
