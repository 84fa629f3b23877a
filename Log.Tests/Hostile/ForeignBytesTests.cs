using System.Net.Sockets;
using System.Text;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Hostile;

/// <summary>Bytes that are not gRPC: the server closes the connection and serves the next valid client.</summary>
public sealed class ForeignBytesTests
{
    private static readonly byte[] Preface = Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    internal static readonly Dictionary<string, (byte[] Bytes, string? Answer)> Cases = new()
    {
        ["HTTP/1.1"] = (Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "HTTP/1.1 400 Bad Request"),
        ["garbage"] = ([.. Enumerable.Range(0, 2000).Select(i => (byte)(i * 37))], null),
        ["a preface and garbage"] = ([.. Preface, .. Enumerable.Repeat((byte)0xFF, 100)], null),
        ["a frame before the settings"] = ([.. Preface, 0, 0, 0, 1, 0x25, 0, 0, 0, 1], null),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_connection_is_closed_and_the_next_client_is_served(string name)
    {
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        var (bytes, answer) = Cases[name];
        using (var client = new TcpClient())
        {
            await client.ConnectAsync("127.0.0.1", new Uri(server.Address).Port);
            await client.GetStream().WriteAsync(bytes);
            var received = await ReadToCloseAsync(client).Within("the server to close the connection");
            if (answer is not null)
                Assert.StartsWith(answer, Encoding.ASCII.GetString(received), StringComparison.Ordinal);
        }

        Assert.Equal(0ul, (await server.Client.GetRangeAsync(new GetRangeRequest())).NextOffset);
    }

    public static TheoryData<string, byte[]> Beginnings => new()
    {
        { "nothing", [] },
        { "a preface", Preface },
        { "a TLS hello", [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03, .. new byte[500]] },
    };

    [Theory]
    [MemberData(nameof(Beginnings))]
    public async Task A_connection_that_falls_silent_does_not_keep_others_out(string beginning, byte[] bytes)
    {
        _ = beginning;
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        using var silent = new TcpClient();
        await silent.ConnectAsync("127.0.0.1", new Uri(server.Address).Port);
        await silent.GetStream().WriteAsync(bytes);
        Assert.Equal(0ul, (await server.Client.GetRangeAsync(new GetRangeRequest())).NextOffset);
    }

    private static async Task<byte[]> ReadToCloseAsync(TcpClient client)
    {
        using var received = new MemoryStream();
        try
        {
            await client.GetStream().CopyToAsync(received);
        }
        catch (IOException)
        {
            // A reset also ends the connection.
        }

        return received.ToArray();
    }
}
