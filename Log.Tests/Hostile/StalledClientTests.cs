using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using LogKit.Client;
using LogKit.Tests.Support;
using LogKit.V1;
using Xunit.Abstractions;

namespace LogKit.Tests.Hostile;

/// <summary>
/// Clients that stop in the middle of a request, or never read a response. The memory for them is bounded, other clients are served
/// meanwhile, and the calls end and release their memory.
/// </summary>
public sealed class StalledClientTests(ITestOutputHelper output) : IDisposable
{
    private const int Megabyte = 1024 * 1024;
    private const int QueuedLimitBytes = 16 * Megabyte;

    /// <summary>
    /// The memory that the process may use beyond the bytes that it counts: for connections, calls, and the garbage collector.
    /// </summary>
    private const int AllowanceBytes = 80 * Megabyte;

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [LinuxTheory]
    [InlineData("log.v1.Log/ProduceStream", 16_000_100)]
    [InlineData("log.v1.Log/Produce", 16_000_100)]
    [InlineData("log.v1.Log/Produce", 200_000)]
    [InlineData("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", 65_000)]
    public async Task Requests_that_stop_halfway_hold_no_more_than_the_limit_and_end(string method, int messageBytes)
    {
        const int Calls = 60;
        using var server = ServerProcess.StartOn(
            _directory["log"], $"--Log:QueuedLimitBytes={QueuedLimitBytes}", "--Log:RequestLimitMs=1000");
        var address = await server.AddressAsync();
        var before = await RestingAsync(server, address);
        using var client = new HttpClient { BaseAddress = new Uri(address) };
        using var leaving = new CancellationTokenSource();
        var beginning = RawGrpc.Frame(new byte[messageBytes - 100], lengthBytes: (uint)messageBytes);
        var calls = Enumerable.Range(0, Calls).Select(_ => CallAsync(client, method, beginning, leaving.Token)).ToList();
        var first = await Task.WhenAny(calls).Within("a call to be ended");
        Assert.Contains(await first, (string[])[ErrorReasons.RequestStalled, ErrorReasons.ServerBusy]);
        await RequireServesAsync(address);
        RequireBounded(server, before, $"{Calls} requests that stopped");

        await leaving.CancelAsync();
        await Task.WhenAll(calls).Within("all calls to end");
        await RequireMemoryBackAsync(server, before);
        Assert.Empty(server.Errors);
    }

    [LinuxFact]
    public async Task Calls_past_the_limit_are_refused_and_have_a_place_once_others_end()
    {
        const int Limit = 8;
        using var server = ServerProcess.StartOn(_directory["log"], $"--Log:CallLimit={Limit}", "--Log:RequestLimitMs=60000");
        var address = await server.AddressAsync();
        using var client = new HttpClient { BaseAddress = new Uri(address) };
        using var leaving = new CancellationTokenSource();
        var beginning = RawGrpc.Frame(new byte[100], lengthBytes: 1000);
        var calls = Enumerable.Range(0, Limit + 1).Select(_ => CallAsync(client, "log.v1.Log/Produce", beginning, leaving.Token)).ToList();
        Assert.Equal(ErrorReasons.CallLimit, await await Task.WhenAny(calls).Within("the last to arrive to be refused"));
        Assert.Equal(Limit, calls.Count(call => !call.IsCompleted));

        await leaving.CancelAsync();
        await Task.WhenAll(calls).Within("the calls to end");
        await Poll.UntilAsync(
            async () =>
            {
                try
                {
                    await RequireServesAsync(address);
                    return true;
                }
                catch (RpcException exception) when (exception.StatusCode is StatusCode.ResourceExhausted)
                {
                    return false; // the server has not ended all of the calls yet
                }
            },
            "an honest caller to be served");
    }

    public static TheoryData<string, string, int> Answers => new()
    {
        { "log.v1.Log", "Consume", 200 },
        { "log.v1.Log", "ConsumeStream", 200 },
        { "grpc.health.v1.Health", "Check", 40 },
        { "grpc.health.v1.Health", "Watch", 40 },
    };

    [LinuxTheory]
    [MemberData(nameof(Answers))]
    public async Task Answers_that_nobody_reads_hold_no_more_than_the_limit_and_end(string service, string method, int calls)
    {
        const int Connections = 3;
        using var server = ServerProcess.StartOn(
            _directory["log"], $"--Log:QueuedLimitBytes={QueuedLimitBytes}", "--Log:StallLimitMs=1000");
        var address = await server.AddressAsync();
        await using (var log = GrpcLog.Connect(address))
            await log.AppendBatchAsync(new RecordBatch(new Record(new byte[(4 * Megabyte) - 2048])));
        var before = await RestingAsync(server, address);
        var peers = new List<Http2Peer>();
        for (var i = 0; i < Connections; i++)
        {
            var peer = await Http2Peer.ConnectWithoutWindowAsync(address);
            peers.Add(peer);
            await peer.SendAsync([
                .. Enumerable.Range(0, calls).SelectMany(call => Http2Peer.UnaryCall((2 * call) + 1, method, [], service)),
            ]);
        }

        foreach (var peer in peers)
            await peer.ReadResetAsync();
        await RequireServesAsync(address);
        RequireBounded(server, before, $"{Connections * calls} answers of {method} that nobody read");

        peers.ForEach(peer => peer.Dispose());
        await RequireMemoryBackAsync(server, before);
        Assert.Empty(server.Errors);
    }

    /// <summary>Makes a call and returns the reason with which the service ended it; null if it ended in another way.</summary>
    private static async Task<string?> CallAsync(HttpClient client, string method, byte[] beginning, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/{method}", UriKind.Relative))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new StalledContent(beginning) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } },
        };
        request.Headers.TE.ParseAdd("trailers");
        try
        {
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            await response.Content.ReadAsByteArrayAsync(cancellationToken);
            return RawGrpc.ReasonOf(response.TrailingHeaders) ?? RawGrpc.ReasonOf(response.Headers);
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or IOException)
        {
            return null;
        }
    }

    private static async Task<ProcessFigures> RestingAsync(ServerProcess server, string address)
    {
        await RequireServesAsync(address);
        return ProcessFigures.Of(server.Id);
    }

    private static async Task RequireServesAsync(string address)
    {
        using var channel = GrpcChannel.ForAddress(address);
        var client = new V1.Log.LogClient(channel);
        await client.ProduceAsync(new ProduceRequest
        {
            RecordBatch = new V1.RecordBatch { Records = { new V1.Record { Value = ByteString.CopyFrom(new byte[100_000]) } } },
        }).ResponseAsync.Within("an honest caller to be served");
        await client.GetRangeAsync(new GetRangeRequest()).ResponseAsync.Within("an honest caller to be served");
    }

    private void RequireBounded(ServerProcess server, ProcessFigures before, string what)
    {
        var now = ProcessFigures.Of(server.Id);
        var grownBytes = now.PeakBytes - before.ResidentBytes;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {grownBytes / Megabyte} MiB more"));
        Assert.True(grownBytes < QueuedLimitBytes + AllowanceBytes, $"{what}: the server grew by {grownBytes} bytes");
        Assert.True(now.Threads < 100, $"{what}: the server has {now.Threads} threads");
    }

    private async Task RequireMemoryBackAsync(ServerProcess server, ProcessFigures before)
    {
        await Poll.UntilAsync(
            () => Task.FromResult(ProcessFigures.Of(server.Id).ResidentBytes - before.ResidentBytes < AllowanceBytes / 2),
            "the memory to come back");
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"afterwards: {(ProcessFigures.Of(server.Id).ResidentBytes - before.ResidentBytes) / Megabyte} MiB more than before"));
    }
}
