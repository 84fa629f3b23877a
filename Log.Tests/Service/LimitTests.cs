using System.Text.RegularExpressions;
using Grpc.Core;
using LogKit.Grpc;
using LogKit.InMemory;
using LogKit.Server;
using LogKit.Server.Backends;
using LogKit.Server.Settings;
using LogKit.Tests.Support;
using LogKit.V1;
using Moq;

namespace LogKit.Tests.Service;

/// <summary>The limits of the service, and what happens when a limit is exceeded.</summary>
[UsesVerify]
public sealed partial class LimitTests
{
    [Fact]
    public async Task A_stream_past_the_limit_is_refused_and_has_a_place_once_another_ends()
    {
        await using var log = new InMemoryLog();
        await using var server = await TestServer.StartAsync(log, options: new LogKitOptions { StreamLimit = 2 });
        using var first = server.Client.ConsumeStream(new ConsumeRequest());
        using var second = server.Client.ProduceStream();
        await first.ResponseHeadersAsync.Within("the first stream");
        await ProduceAsync(second);
        var refused = await Assert.ThrowsAsync<RpcException>(() =>
            server.Client.ConsumeStream(new ConsumeRequest()).ResponseStream.MoveNext());
        await Verify(StatusText.Of(refused));
        Assert.Equal(1ul, (await server.Client.GetRangeAsync(new GetRangeRequest())).NextOffset); // unary calls still work

        await second.RequestStream.CompleteAsync();
        Assert.False(await second.ResponseStream.MoveNext());
        using var third = server.Client.ConsumeStream(new ConsumeRequest());
        Assert.True(await third.ResponseStream.MoveNext().Within("the third stream"));
    }

    [Fact]
    public async Task A_stream_whose_caller_does_not_read_is_reset_and_others_continue()
    {
        await using var log = new InMemoryLog();
        for (var i = 0; i < 8; i++)
            await log.AppendBatchAsync(new RecordBatch(new Record(new byte[1024 * 1024])));
        await using var server = await TestServer.StartAsync(log, options: new LogKitOptions { StallLimitMs = 40 });
        using var stalled = server.Client.ConsumeStream(new ConsumeRequest());
        using var waiting = server.Client.ConsumeStream(new ConsumeRequest { Offset = 8 });
        await stalled.ResponseHeadersAsync.Within("the stalled stream to begin");
        await server.EndedAsync("ConsumeStream");

        await log.AppendBatchAsync(RecordBatch.OfText("more"));
        Assert.True(await waiting.ResponseStream.MoveNext().Within("the stream that only waits"));
        await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await stalled.ResponseStream.MoveNext().Within("the end of the stalled stream"))
            {
                // Batches that were sent before the reset.
            }
        });
    }

    [Fact]
    public async Task Queued_appends_are_bounded_across_all_callers()
    {
        const int SizeBytes = 100_000;
        const int Allowed = 10;
        const int Streams = 16; // together, more data than Kestrel's default window of 1 MiB per connection
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var isFull = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var handed = 0;
        var log = new Mock<ILog>();
        log.SetupGet(log => log.AppendsInCallOrder).Returns(true);
        log.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Returns(async () =>
            {
                var count = Interlocked.Increment(ref handed);
                if (count == Allowed)
                    isFull.SetResult();
                Assert.True(count <= Allowed || gate.Task.IsCompleted, "the log was handed more than the limit allows");
                await gate.Task;
                return (ulong)count - 1;
            });
        await using var server = await TestServer.StartAsync(
            log.Object, options: new LogKitOptions { QueuedLimitBytes = Allowed * SizeBytes });
        var streams = Enumerable.Range(0, Streams).Select(_ => server.Client.ProduceStream()).ToList();
        var writing = Task.WhenAll(streams.Select(WriteTenAsync)); // blocked until the log accepts more
        await isFull.Task.Within("the log to be handed what the limit allows");
        gate.SetResult();
        await writing.Within("all requests to be sent");
        foreach (var stream in streams)
        {
            var answers = 0;
            while (await stream.ResponseStream.MoveNext().Within("all answers"))
                answers++;
            Assert.Equal(10, answers);
            stream.Dispose();
        }

        static async Task WriteTenAsync(AsyncDuplexStreamingCall<ProduceRequest, ProduceResponse> stream)
        {
            for (var i = 0; i < 10; i++)
                await stream.RequestStream.WriteAsync(Request(SizeBytes - 50));
            await stream.RequestStream.CompleteAsync();
        }
    }

    [Fact]
    public void The_page_has_every_limit_with_its_default_and_nothing_else()
    {
        var documented = LimitRow().Matches(Page).ToDictionary(match => match.Groups["key"].Value, match => match.Groups["default"].Value);
        var table = new SettingTable(BuiltInBackends.All);
        var limits = table.Rows.Where(IsLimit).ToDictionary(row => row.Key, row => row.Default);
        Assert.Equal(limits.OrderBy(pair => pair.Key), documented.OrderBy(pair => pair.Key));
    }

    [Fact]
    public void The_page_names_only_tests_and_settings_that_exist()
    {
        var classes = typeof(LimitTests).Assembly.GetTypes().ToLookup(type => type.Name, StringComparer.Ordinal);
        var tests = TestName().Matches(Page);
        Assert.NotEmpty(tests);
        Assert.All(tests, test => Assert.Contains(
            classes[test.Groups["class"].Value],
            type => !test.Groups["method"].Success || type.GetMethod(test.Groups["method"].Value) is not null));
        Assert.All(
            SettingName().Matches(Page).Select(setting => setting.Groups["name"].Value),
            name => Assert.Contains(name, new SettingTable(BuiltInBackends.All).Rows.Select(row => row.Name)));
    }

    private static string Page { get; } = Repository.Read("docs/limits.md");

    // Matches `LimitTests.Some_test` or `LimitTests`.
    [GeneratedRegex(@"`(?<class>\w+Tests)(\.(?<method>\w+))?`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex TestName();

    [GeneratedRegex(@"\bLog:(?<name>\w+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex SettingName();

    // Matches a row: | `Log:StreamLimit` | `Log__StreamLimit` | 16384 | ...
    [GeneratedRegex(
        @"^\| `(?<key>Log:\w+)` \| `Log__\w+` \| (?<default>\w+) \|",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex LimitRow();

    /// <summary>Every numeric setting is a limit, unless its name says that it is an interval.</summary>
    private static bool IsLimit(Setting setting) =>
        setting is Setting<int> or Setting<long> or Setting<long?> && !setting.Name.Contains("Interval", StringComparison.Ordinal);

    private static ProduceRequest Request(int sizeBytes = 1) =>
        new()
        {
            RecordBatch = new V1.RecordBatch
            {
                Records = { new V1.Record { Value = Google.Protobuf.ByteString.CopyFrom(new byte[sizeBytes]) } },
            },
        };

    private static async Task ProduceAsync(AsyncDuplexStreamingCall<ProduceRequest, ProduceResponse> call)
    {
        await call.RequestStream.WriteAsync(Request());
        Assert.True(await call.ResponseStream.MoveNext().Within("an answer"));
    }
}
