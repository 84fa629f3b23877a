using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using LogKit.Client;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Hosting;

/// <summary>The server under those who run it for its operator: systemd, a container's health check, and a stop that has a limit.</summary>
public sealed class DeployTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Systemd_is_told_when_the_server_listens_and_when_it_stops()
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

    /// <remarks>That it starts under systemd is not seen here: a test has no systemd to itself. What it says of the file is.</remarks>
    [SkippableFact]
    public async Task The_unit_file_is_sound_and_hardened()
    {
        Skip.IfNot(File.Exists("/usr/bin/systemd-analyze"), "there is no systemd-analyze on this machine");
        var unit = await File.ReadAllTextAsync(PathOf("../../Log.Grpc/Deploy/logkit.service"));
        await File.WriteAllTextAsync(_directory["logkit.service"], unit.Replace("/opt/logkit/LogKit.Grpc", "/bin/true", StringComparison.Ordinal));
        var (exitCode, output) = await RunAsync("systemd-analyze", "verify", "--man=no", _directory["logkit.service"]);
        Assert.True(exitCode == 0 && !output.Contains("logkit.service:", StringComparison.Ordinal), output);
        (exitCode, output) = await RunAsync("systemd-analyze", "security", "--offline=yes", "--threshold=20", _directory["logkit.service"]);
        Assert.True(exitCode == 0, output); // an exposure of 2.0 or less, of 10
    }

    [Fact]
    public async Task The_probe_says_whether_a_server_serves()
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
        Assert.Equal("error: --health=here: must be the address of a server: http://HOST:PORT or https://HOST:PORT", wrong.Errors.TrimEnd());
    }

    [Fact]
    public async Task The_probe_needs_no_identity_and_no_authority()
    {
        await using var server = await SecureServer.StartAsync("alice consume\n");
        using var probe = ServerProcess.Start(["--health", $"https://localhost:{server.Port}"]);
        Assert.Equal((0, ""), (await probe.ExitCodeAsync(), probe.Errors));
    }

    [Fact]
    public async Task A_stop_does_not_wait_longer_than_its_limit_for_a_reader_that_does_not_read()
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
                // What had been sent before it was cut off.
            }
        });
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var buffer = new byte[1024];
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer).Within("a word to systemd"));
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string command, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().Within($"{command} to end");
        return (process.ExitCode, await output + await errors);
    }

    private static string PathOf(string name, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, name);
}
