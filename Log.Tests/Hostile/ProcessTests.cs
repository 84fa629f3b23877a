using System.Runtime.CompilerServices;
using Grpc.Net.Client;
using LogKit.Client;
using LogKit.Disk;
using LogKit.Tests.Support;
using LogKit.V1;
using Xunit.Abstractions;

namespace LogKit.Tests.Hostile;

/// <summary>
/// The real server in adverse conditions: many clients, idle clients, a stop during appends, a full disk, and a client that does not read.
/// </summary>
public sealed class ProcessTests(ITestOutputHelper output) : IDisposable
{
    private const int Megabyte = 1024 * 1024;

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <remarks>Opens 1,000 tails, or 10,000 if <c>LOGKIT_EFFORT</c> is at least 10.</remarks>
    [LinuxFact]
    public async Task Tails_that_wait_cost_little_memory_and_no_processor_time()
    {
        const int TailLimitBytes = 64 * 1024;
        var count = TestSeed.Effort >= 10 ? 10_000 : 1_000;
        using var server = ServerProcess.StartOn(_directory["log"]);
        using var channel = GrpcChannel.ForAddress(await server.AddressAsync(), new GrpcChannelOptions
        {
            // Opens another connection when one reaches its stream limit.
            HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true },
            DisposeHttpClient = true,
        });
        var client = new V1.Log.LogClient(channel);
        using var first = client.ConsumeStream(new ConsumeRequest());
        await first.ResponseHeadersAsync.Within("the first tail to wait");

        var before = ProcessFigures.Of(server.Id);
        var tails = Enumerable.Range(0, count).Select(_ => client.ConsumeStream(new ConsumeRequest())).ToList();
        await Task.WhenAll(tails.Select(tail => tail.ResponseHeadersAsync)).Within("all tails to wait");
        var waiting = ProcessFigures.Of(server.Id);
        await Task.Delay(1000); // the idle interval that the test measures
        var after = ProcessFigures.Of(server.Id);

        var tailBytes = (after.ResidentBytes - before.ResidentBytes) / count;
        output.WriteLine(
            $"{count} tails: {tailBytes} bytes each, {after.ResidentBytes / Megabyte} MiB in all; in 1 s of waiting, "
                + $"{after.ProcessorMs - waiting.ProcessorMs} ms of processor time");
        Assert.True(waiting.Threads < 100, $"{count} tails that wait take {waiting.Threads} threads");
        Assert.True(tailBytes < TailLimitBytes, $"a tail that waits costs {tailBytes} bytes");

        await client.ProduceAsync(new ProduceRequest { RecordBatch = new V1.RecordBatch { Records = { new V1.Record() } } });
        Assert.All(
            await Task.WhenAll(tails.Select(tail => tail.ResponseStream.MoveNext(CancellationToken.None))).Within("every tail to be told"),
            Assert.True);
        tails.ForEach(tail => tail.Dispose());
    }

    [Fact]
    public async Task A_connection_without_calls_is_closed_at_the_idle_limit()
    {
        using var server = ServerProcess.StartOn(_directory["log"], "--Log:IdleLimitMs=200");
        using var peer = await Http2Peer.ConnectAsync(await server.AddressAsync());
        Assert.Null(await peer.ReadGoAwayAsync()); // closed without an error code
    }

    [Fact]
    public async Task A_stop_during_a_stream_of_appends_keeps_everything_that_was_acknowledged()
    {
        var acknowledged = new List<(ulong Offset, string Text)>();
        using (var server = ServerProcess.StartOn(_directory["log"]))
        {
            await using var log = GrpcLog.Connect(await server.AddressAsync());
            var ended = await Assert.ThrowsAnyAsync<LogException>(() => ProduceUntilEndedAsync(log, server).Within("the stream to end"));
            Assert.True(ended is LogUnavailableException or AppendOutcomeUnknownException, $"{ended}");
            Assert.Equal(0, await server.ExitCodeAsync());
            Assert.Empty(server.Errors);
        }

        await using var reopened = DiskLog.Open(_directory["log"]);
        Assert.True(reopened.Recovery.WasClosedCleanly, $"{reopened.Recovery}");
        var all = await reopened.ReadAllTextAsync();
        foreach (var (offset, text) in acknowledged)
            Assert.Equal(text, all[(int)offset]);

        async Task ProduceUntilEndedAsync(GrpcLog log, ServerProcess server)
        {
            await foreach (var (offset, batch) in log.AppendStreamAsync(EndlessAsync()))
            {
                acknowledged.Add((offset, batch[0].ToString()));
                if (acknowledged.Count == 500)
                    server.Signal("TERM");
            }
        }
    }

    [MountFact]
    public async Task A_full_disk_refuses_appends_through_the_server_until_there_is_room_and_loses_nothing()
    {
        const int DiskBytes = 3 * Megabyte;
        using var mount = new TestMount(_directory["mount"], DiskBytes);
        var directory = Path.Combine(_directory["mount"], "log");
        var ballast = Path.Combine(_directory["mount"], "ballast");
        var expected = new List<string>();
        await File.WriteAllBytesAsync(ballast, new byte[DiskBytes / 3]);
        using (var server = ServerProcess.StartOn(directory, "--Log:SegmentLimitBytes=262144"))
        {
            server.Expects(61, 62, 61);
            await using var log = GrpcLog.Connect(await server.AddressAsync());
            Assert.Equal("the disk is full: appends are refused, reads continue", (await log.FillAsync(expected, minBytes: 10)).Message);
            Assert.Equal(expected, await log.ReadAllTextAsync());

            File.Delete(ballast);
            var before = expected.Count;
            await log.FillAsync(expected, minBytes: 10);
            Assert.True(expected.Count > before + 1, "room was made, and nothing more was appended");
            Assert.Equal(expected, await log.ReadAllTextAsync());
            server.Signal("TERM");
            Assert.Equal(0, await server.ExitCodeAsync());
        }

        await using var reopened = DiskLog.Open(directory);
        Assert.Equal(expected, await reopened.ReadAllTextAsync());
    }

    [LinuxFact]
    public async Task A_reader_that_does_not_read_holds_up_nobody_and_no_memory()
    {
        const int Producers = 4;
        const int BatchesOfEach = 50;
        const int MemoryLimitBytes = 150 * Megabyte; // well below the amount of data produced
        using var server = ServerProcess.StartOn(_directory["log"]);
        var address = await server.AddressAsync();
        await using var log = GrpcLog.Connect(address);
        await log.AppendBatchAsync(RecordBatch.OfText("first"));
        await using var reader = log.ReadFromAsync(0, stopAtEnd: false).GetAsyncEnumerator();
        Assert.True(await reader.MoveNextAsync());

        var before = ProcessFigures.Of(server.Id);
        await Task.WhenAll(Enumerable.Range(0, Producers).Select(_ => ProduceAsync())).Within("200 MiB to be produced");
        var after = ProcessFigures.Of(server.Id);
        var grownBytes = after.PeakBytes - before.ResidentBytes;
        output.WriteLine($"200 MiB produced beside a reader that does not read: the server grew by {grownBytes / Megabyte} MiB at most");
        Assert.True(grownBytes < MemoryLimitBytes, $"the server grew by {grownBytes} bytes");

        Assert.True(await reader.MoveNextAsync().AsTask().Within("the reader to be served once it reads"));
        Assert.Equal(1ul, reader.Current.FirstOffset);

        async Task ProduceAsync()
        {
            await using var producer = GrpcLog.Connect(address);
            for (var i = 0; i < BatchesOfEach; i++)
                await producer.AppendBatchAsync(new RecordBatch(new Record(new byte[Megabyte])));
        }
    }

    private static async IAsyncEnumerable<RecordBatch> EndlessAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        for (var i = 0; !cancellationToken.IsCancellationRequested; i++)
        {
            await Task.Yield();
            yield return RecordBatch.OfText($"{i}");
        }
    }
}
