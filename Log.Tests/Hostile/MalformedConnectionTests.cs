using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Hostile;

/// <summary>Connections that violate HTTP/2: the server closes each, and serves the next valid client.</summary>
public sealed class MalformedConnectionTests
{
    private const uint ProtocolError = 0x1;
    private const uint FrameSizeError = 0x6;
    private const uint EnhanceYourCalm = 0xB;

    internal static readonly Dictionary<string, (Func<byte[]> Bytes, uint Code)> Cases = new()
    {
        ["a frame over the size that the server takes"] = (() => Http2Peer.Frame(Http2Peer.Data, 0, 1, new byte[1 << 20]), FrameSizeError),
        ["data on a stream that was never opened"] = (() => Http2Peer.Frame(Http2Peer.Data, 0, 1, new byte[10]), ProtocolError),
        ["a rapid reset"] = (
            () =>
                [
                    .. Enumerable
                        .Range(0, 5000)
                        .SelectMany(i =>
                            (byte[])
                                [
                                    .. Http2Peer.CallFrame((i * 2) + 1, "ProduceStream"),
                                    .. Http2Peer.Frame(Http2Peer.Reset, 0, (i * 2) + 1, [0, 0, 0, 8]),
                                ]),
                ],
            EnhanceYourCalm),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_server_ends_the_connection(string name)
    {
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log, expectsJournalEntries: true);
        using (var peer = await Http2Peer.ConnectAsync(server.Address))
        {
            await peer.SendAsync(Cases[name].Bytes());
            var code = await peer.ReadGoAwayAsync();
            Assert.True(code is null || code == Cases[name].Code, $"GOAWAY with code {code}");
        }

        // The only permitted entry is Kestrel's own report of a flood, once per connection.
        Assert.All(server.Journal.Entries, entry =>
            Assert.StartsWith("Critical Microsoft.AspNetCore.Server.Kestrel.Http2:", entry, StringComparison.Ordinal));
        Assert.Equal(0ul, (await server.Client.GetRangeAsync(new GetRangeRequest())).NextOffset);
    }
}
