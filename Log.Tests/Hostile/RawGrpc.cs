using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Hostile;

/// <summary>
/// A gRPC call with an arbitrary body over valid HTTP/2. The result is the gRPC status, or the HTTP status if the server does not recognize
/// the request as gRPC.
/// </summary>
internal sealed class RawGrpc(string address) : IDisposable
{
    private readonly HttpClient _client = new() { BaseAddress = new Uri(address) };

    /// <summary>Frames a message for gRPC. A caller can pass an invalid flag or a wrong length.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> message, byte flag = 0, uint? lengthBytes = null)
    {
        var frame = new byte[5 + message.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), lengthBytes ?? (uint)message.Length);
        message.CopyTo(frame.AsSpan(5));
        return frame;
    }

    /// <summary>Compresses a block repeated this many times. The uncompressed data is never in memory as a whole.</summary>
    public static byte[] Compress(byte[] block, int times, string encoding)
    {
        using var compressed = new MemoryStream();
        using (Stream stream = encoding is "gzip"
            ? new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true)
            : new ZLibStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            for (var i = 0; i < times; i++)
                stream.Write(block);
        }

        return compressed.ToArray();
    }

    /// <summary>Returns the reason in the status that these headers or trailers contain; null if there is none.</summary>
    public static string? ReasonOf(HttpHeaders headers)
    {
        if (!headers.TryGetValues(ErrorReasons.TrailerName, out var values))
            return null;
        var text = values.Single();
        var details = Google.Rpc.Status.Parser.ParseFrom(Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '=')));
        return details.Details.Single().Unpack<Google.Rpc.ErrorInfo>().Reason;
    }

    public async Task<RawAnswer> CallAsync(
        string method,
        byte[] body,
        string? encoding = null,
        string contentType = "application/grpc",
        (string Name, string Value)? header = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/log.v1.Log/{method}", UriKind.Relative))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        request.Headers.TE.ParseAdd("trailers");
        if (encoding is not null)
            request.Headers.Add("grpc-encoding", encoding);
        if (header is { } added)
            request.Headers.TryAddWithoutValidation(added.Name, added.Value);
        using var response = await _client.SendAsync(request).Within("the headers of the answer");
        var answers = await response.Content.ReadAsByteArrayAsync().Within("the body of the answer");
        return new RawAnswer(response.StatusCode, StatusOf(response.TrailingHeaders) ?? StatusOf(response.Headers))
        {
            Messages = Count(answers),
            Reason = ReasonOf(response.TrailingHeaders) ?? ReasonOf(response.Headers),
        };
    }

    public void Dispose() => _client.Dispose();

    private static int Count(ReadOnlySpan<byte> frames)
    {
        var count = 0;
        for (; !frames.IsEmpty; count++)
            frames = frames[(5 + (int)BinaryPrimitives.ReadUInt32BigEndian(frames[1..]))..];
        return count;
    }

    private static StatusCode? StatusOf(HttpHeaders headers) =>
        headers.TryGetValues("grpc-status", out var values) ? (StatusCode)int.Parse(values.Single(), CultureInfo.InvariantCulture) : null;
}

/// <summary>The answer to a call. <paramref name="Grpc"/> is null if the server did not answer as gRPC.</summary>
internal sealed record RawAnswer(HttpStatusCode Http, StatusCode? Grpc)
{
    /// <summary>The number of messages received before the status.</summary>
    public int Messages { get; init; }

    /// <summary>The reason of the failure, from the error details; null if there are none.</summary>
    public string? Reason { get; init; }
}
