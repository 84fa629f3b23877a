using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hostile;

/// <summary>A handwritten HTTP/2 client, which can violate the protocol.</summary>
internal sealed class Http2Peer : IDisposable
{
    public const byte Data = 0x0;
    public const byte Headers = 0x1;
    public const byte Reset = 0x3;
    public const byte Settings = 0x4;
    public const byte Ping = 0x6;
    public const byte GoAway = 0x7;

    private const byte EndHeaders = 0x4;
    private const byte EndStream = 0x1;
    private const byte InitialWindowSize = 0x4;

    private readonly NetworkStream _stream;

    private Http2Peer(NetworkStream stream) => _stream = stream;

    /// <summary>Connects, and sends the preface and empty settings.</summary>
    public static Task<Http2Peer> ConnectAsync(string address) => ConnectAsync(address, []);

    /// <summary>Connects with an initial window of 0, so that the server cannot send any byte of an answer.</summary>
    public static Task<Http2Peer> ConnectWithoutWindowAsync(string address) => ConnectAsync(address, [0, InitialWindowSize, 0, 0, 0, 0]);

    private static async Task<Http2Peer> ConnectAsync(string address, byte[] settings)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync("127.0.0.1", new Uri(address).Port);
        var peer = new Http2Peer(new NetworkStream(socket, ownsSocket: true));
        await peer.SendAsync([.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(Settings, 0, 0, settings)]);
        return peer;
    }

    public static byte[] Frame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    /// <summary>The HEADERS frame of a call. Each header field is a literal without indexing.</summary>
    public static byte[] CallFrame(int stream, string method, string service = "log.v1.Log")
    {
        List<byte> block = [];
        foreach (var (name, value) in ((string, string)[])[
            (":method", "POST"), (":scheme", "http"), (":path", $"/{service}/{method}"), (":authority", "localhost"),
            ("content-type", "application/grpc"), ("te", "trailers")])
        {
            block.AddRange([0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)value.Length, .. Encoding.ASCII.GetBytes(value)]);
        }

        return Frame(Headers, EndHeaders, stream, [.. block]);
    }

    /// <summary>A complete call with one message.</summary>
    public static byte[] UnaryCall(int stream, string method, ReadOnlySpan<byte> message, string service = "log.v1.Log") =>
        [.. CallFrame(stream, method, service), .. Frame(Data, EndStream, stream, RawGrpc.Frame(message))];

    /// <summary>Sends bytes. A connection that the server closes in the meantime is not an error.</summary>
    public async Task SendAsync(byte[] bytes)
    {
        try
        {
            await _stream.WriteAsync(bytes).AsTask().Within("the server to take the bytes or to close");
        }
        catch (IOException)
        {
            // The server closed the connection. Reading reports how.
        }
    }

    /// <summary>Returns the error code in the server's GOAWAY; null if the connection ends without one.</summary>
    public Task<uint?> ReadGoAwayAsync() => ReadGoAwayCoreAsync().Within("the server to end the connection");

    /// <summary>Completes once the server resets a stream or ends the connection.</summary>
    public Task ReadResetAsync()
    {
        return ReadAsync().Within("the server to reset a call");

        async Task ReadAsync()
        {
            while (await ReadFrameAsync() is { Type: not (Reset or GoAway) })
            {
                // Skip other frames.
            }
        }
    }

    /// <summary>Returns the next frame; null at the end of the connection.</summary>
    public async Task<(byte Type, byte Flags, int Stream, byte[] Payload)?> ReadFrameAsync()
    {
        try
        {
            var header = new byte[9];
            await _stream.ReadExactlyAsync(header);
            var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(header) >>> 8];
            await _stream.ReadExactlyAsync(payload);
            return (header[3], header[4], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)), payload);
        }
        catch (IOException)
        {
            return null;
        }
    }

    public void Dispose() => _stream.Dispose();

    private async Task<uint?> ReadGoAwayCoreAsync()
    {
        while (true)
        {
            if (await ReadFrameAsync() is not { } frame)
                return null; // closed, possibly within a frame or by a reset
            if (frame.Type == GoAway && BinaryPrimitives.ReadUInt32BigEndian(frame.Payload.AsSpan(4)) is var code and not 0)
                return code;
        }
    }
}
