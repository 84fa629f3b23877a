using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Hostile;

/// <summary>
/// Callers that cancel at once, set very short deadlines, or send excessive or malformed metadata leave nothing behind on the server.
/// </summary>
public sealed class HurriedCallTests
{
    [Fact]
    public async Task Tails_that_are_opened_and_canceled_leave_nothing_behind()
    {
        const int Callers = 50;
        const int TailsOfEach = 100;
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => OpenAndCancelAsync())).Within("all tails to be canceled");
        await server.EndedAsync(nameof(server.Client.ConsumeStream), Callers * TailsOfEach);
        Assert.Equal(0, server.LiveStreams);
        Assert.Equal(0ul, (await server.Client.GetRangeAsync(new GetRangeRequest())).NextOffset);

        async Task OpenAndCancelAsync()
        {
            for (var i = 0; i < TailsOfEach; i++)
            {
                using var tail = server.Client.ConsumeStream(new ConsumeRequest());
                await tail.ResponseHeadersAsync.Within("a tail to wait");
            }
        }
    }

    [Fact]
    public async Task Calls_with_a_deadline_of_a_millisecond_exceed_it_and_leave_nothing_behind()
    {
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        for (var i = 0; i < 200; i++)
        {
            using var tail = server.Client.ConsumeStream(new ConsumeRequest(), deadline: DateTime.UtcNow.AddMilliseconds(1));
            using var stream = server.Client.ProduceStream(deadline: DateTime.UtcNow.AddMilliseconds(1));
            foreach (var next in (Task<bool>[])
                    [tail.ResponseStream.MoveNext(CancellationToken.None), stream.ResponseStream.MoveNext(CancellationToken.None)])
            {
                var ended = await Assert.ThrowsAsync<RpcException>(() => next.Within("the deadline"));
                Assert.Equal(StatusCode.DeadlineExceeded, ended.StatusCode);
            }
        }

        Assert.Equal(0ul, (await server.Client.GetRangeAsync(new GetRangeRequest())).NextOffset);
        await server.StopAsync();
        Assert.Equal(0, server.LiveStreams);
    }

    [Fact]
    public async Task Metadata_over_the_limit_is_refused_and_the_next_call_is_served()
    {
        using var directory = new TestDirectory();
        using var server = ServerProcess.StartOn(directory["log"]);
        using var channel = GrpcChannel.ForAddress(await server.AddressAsync());
        var client = new V1.Log.LogClient(channel);
        await Assert.ThrowsAsync<RpcException>(() => GetRangeAsync(33 * 1024));
        Assert.Equal(0ul, (await GetRangeAsync(24 * 1024)).NextOffset);
        Assert.Empty(server.Errors);

        Task<GetRangeResponse> GetRangeAsync(int metadataBytes) => client.GetRangeAsync(
            new GetRangeRequest(), new Metadata { { "padding", new string('x', metadataBytes) } }).ResponseAsync.Within("an answer");
    }

    [Theory]
    [InlineData("grpc-timeout", "soon")]
    [InlineData("grpc-timeout", "99999999999S")]
    [InlineData("grpc-timeout", "-1S")]
    [InlineData("grpc-accept-encoding", "none,,such")]
    [InlineData("note-bin", "***")]
    [InlineData("traceparent", "00-zz")]
    [InlineData("authorization", "Bearer")]
    public async Task Meaningless_metadata_is_ignored(string name, string value)
    {
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        using var raw = new RawGrpc(server.Address);
        var answer = await raw.CallAsync("GetRange", RawGrpc.Frame([]), header: (name, value));
        Assert.Equal(new RawAnswer(HttpStatusCode.OK, StatusCode.OK) { Messages = 1 }, answer);
    }
}
