using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hostile;

/// <summary>
/// A server with few file descriptors and many connections: descriptors are reserved for the log, and the server neither spins nor crashes.
/// </summary>
public sealed class DescriptorTests : IDisposable
{
    private const int Descriptors = 600;
    private const int Strangers = 900;

    private readonly TestDirectory _directory = new();
    private readonly List<Socket> _strangers = [];

    public void Dispose()
    {
        _strangers.ForEach(socket => socket.Dispose());
        _directory.Dispose();
    }

    [LinuxFact]
    public async Task However_many_connect_the_log_goes_on_rolling_segments()
    {
        using var server = ServerProcess.StartWithDescriptors(
            Descriptors, $"--Log:Directory={_directory["log"]}", "--Log:SegmentLimitBytes=65536");
        server.Expects(40, 41);
        var address = await server.AddressAsync();
        await server.SaysAsync("Log:ConnectionLimit is 88 instead of 4096");
        await using var log = GrpcLog.Connect(address);
        await AppendAsync(log, batches: 2);
        await ConnectStrangersAsync(address);
        await AppendAsync(log, batches: 20);
        await using (var newcomer = GrpcLog.Connect(address))
            await AppendAsync(newcomer, batches: 2);
        Assert.InRange(Directory.GetFiles(_directory["log"], "*.log").Length, 10, 30);
        Assert.InRange(DescriptorsOf(server), 1, Descriptors - 100);

        await RequireIdleAsync(server);
        _strangers.ForEach(socket => socket.Dispose());
        await AppendAsync(log, batches: 2);
        server.Signal("TERM");
        Assert.Equal((0, ""), (await server.ExitCodeAsync(), server.Errors));
        Assert.Single(server.Output.Split('\n'), line => line.Contains("the limit of 88 connections is reached", StringComparison.Ordinal));
        Assert.DoesNotContain("fail:", server.Output, StringComparison.Ordinal);
    }

    [ToolFact("/usr/bin/prlimit")]
    public async Task Without_a_descriptor_left_it_waits_for_one_and_says_so_once()
    {
        using var server = ServerProcess.StartWithDescriptors(4096, $"--Log:Directory={_directory["log"]}");
        server.Expects(40, 44);
        var address = await server.AddressAsync();
        await using var log = GrpcLog.Connect(address);
        await AppendAsync(log, batches: 2);
        // As if an operator had set the limit too low, or other processes had used up the system's descriptors.
        SetLimit(server, $"{DescriptorsOf(server)}:4096");
        await ConnectStrangersAsync(address);
        await server.SaysAsync("no connection can be accepted: ");
        await AppendAsync(log, batches: 5);
        await RequireIdleAsync(server);

        SetLimit(server, "4096:4096");
        await using var newcomer = GrpcLog.Connect(address);
        await AppendAsync(newcomer, batches: 2);
        server.Signal("TERM");
        Assert.Equal((0, ""), (await server.ExitCodeAsync(), server.Errors));
        Assert.Single(server.Output.Split('\n'), line => line.Contains("no connection can be accepted", StringComparison.Ordinal));
        Assert.DoesNotContain("fail:", server.Output, StringComparison.Ordinal);
    }

    private static async Task AppendAsync(GrpcLog log, int batches)
    {
        for (var i = 0; i < batches; i++)
            await log.AppendBatchAsync(new RecordBatch(new Record(new byte[40_000]))).AsTask().Within("an append");
    }

    private static int DescriptorsOf(ServerProcess server) => Directory.GetFiles($"/proc/{server.Id}/fd").Length;

    private static void SetLimit(ServerProcess server, string limit)
    {
        using var prlimit = Process.Start(
            "/usr/bin/prlimit", ["--pid", server.Id.ToString(CultureInfo.InvariantCulture), $"--nofile={limit}"]);
        prlimit.WaitForExit();
        Assert.Equal(0, prlimit.ExitCode);
    }

    private async Task ConnectStrangersAsync(string address)
    {
        var port = new Uri(address).Port;
        for (var i = 0; i < Strangers; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            _strangers.Add(socket);
            try
            {
                socket.Connect(IPAddress.Loopback, port); // non-blocking, because a connection in the backlog may complete later
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                await Task.Yield();
            }
        }
    }

    /// <summary>Checks that the idle server uses no processor time.</summary>
    private static async Task RequireIdleAsync(ServerProcess server)
    {
        await Poll.UntilAsync(
            async () =>
            {
                var before = ProcessFigures.Of(server.Id).ProcessorMs;
                await Task.Delay(500); // the time that is measured
                return ProcessFigures.Of(server.Id).ProcessorMs - before < 100;
            },
            "the server to rest");
    }
}
