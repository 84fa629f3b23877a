using System.Net;
using Google.Protobuf;
using Grpc.Core;
using LogKit.Grpc;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Hostile;

/// <summary>
/// Calls that violate gRPC. Each is refused with a status, stores nothing, and writes nothing to the journal, and the server serves the
/// next valid client.
/// </summary>
public sealed class MalformedCallTests
{
    private const int BombMegabytes = 256;

    private static readonly byte[] Good = new ProduceRequest
    {
        RecordBatch = new V1.RecordBatch { Records = { new V1.Record { Value = ByteString.CopyFromUtf8("good") } } },
    }.ToByteArray();

    /// <summary>A request body, and the status and reason with which it is refused.</summary>
    internal sealed record Row(Func<byte[]> Body, StatusCode Status, string Reason, string? Encoding = null);

    internal static readonly Dictionary<string, Row> Bodies = new()
    {
        ["a length of 4 GiB"] = new(
            () => RawGrpc.Frame(Good, lengthBytes: uint.MaxValue), StatusCode.InvalidArgument, ErrorReasons.MalformedMessage),
        ["a length over the limit"] = new(
            () => RawGrpc.Frame(Good, lengthBytes: (uint)new LogKitOptions().MessageLimitBytes + 1),
            StatusCode.ResourceExhausted,
            ErrorReasons.MessageTooLarge),
        ["a flag that there is not"] = new(
            () => RawGrpc.Frame(Good, flag: 0x7F), StatusCode.InvalidArgument, ErrorReasons.MalformedMessage),
        ["compressed, in no encoding"] = new(() => RawGrpc.Frame(Good, flag: 1), StatusCode.Internal, ErrorReasons.MalformedCall),
        ["compressed, in an unknown encoding"] = new(
            () => RawGrpc.Frame(Good, flag: 1),
            StatusCode.Unimplemented,
            ErrorReasons.EncodingUnknown,
            "shrink"),
        ["said to be gzip, and not"] = new(
            () => RawGrpc.Frame(Good, flag: 1), StatusCode.InvalidArgument, ErrorReasons.MalformedMessage, "gzip"),
        ["half a prefix"] = new(() => RawGrpc.Frame(Good)[..3], StatusCode.Internal, ErrorReasons.MalformedCall),
        ["half a message"] = new(() => RawGrpc.Frame(Good)[..^3], StatusCode.Internal, ErrorReasons.MalformedCall),
        ["no protobuf"] = new(() => RawGrpc.Frame([0x0A, 0x7F]), StatusCode.InvalidArgument, ErrorReasons.MalformedMessage),
        ["a gzip bomb"] = new(
            () => RawGrpc.Frame(RawGrpc.Compress(new byte[1024 * 1024], BombMegabytes, "gzip"), flag: 1),
            StatusCode.ResourceExhausted,
            ErrorReasons.MessageTooLarge,
            "gzip"),
        ["a deflate bomb"] = new(
            () => RawGrpc.Frame(RawGrpc.Compress(new byte[1024 * 1024], BombMegabytes, "deflate"), flag: 1),
            StatusCode.ResourceExhausted,
            ErrorReasons.MessageTooLarge,
            "deflate"),
    };

    public static TheoryData<string> Names => [.. Bodies.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_malformed_body_is_refused_and_stores_nothing(string name)
    {
        var row = Bodies[name];
        var body = row.Body();
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        using var raw = new RawGrpc(server.Address);
        foreach (var method in (string[])["Produce", "ProduceStream"])
            Assert.Equal(
                new RawAnswer(HttpStatusCode.OK, row.Status) { Reason = row.Reason }, await raw.CallAsync(method, body, row.Encoding));
        await RequireServesAsync(server, nextOffset: 0);
    }

    /// <summary>Ends a stream of three messages at every byte. The service stores the complete messages and nothing else.</summary>
    [Fact]
    public async Task A_stream_that_ends_anywhere_stores_its_whole_messages()
    {
        byte[] stream = [.. RawGrpc.Frame(Good), .. RawGrpc.Frame(Good), .. RawGrpc.Frame(Good)];
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        using var raw = new RawGrpc(server.Address);
        var stored = 0ul;
        for (var lengthBytes = 0; lengthBytes <= stream.Length; lengthBytes++)
        {
            var (whole, rest) = Math.DivRem(lengthBytes, stream.Length / 3);
            var answer = await raw.CallAsync("ProduceStream", stream[..lengthBytes]);
            Assert.Equal(
                (lengthBytes, rest == 0 ? StatusCode.OK : StatusCode.Internal, whole), (lengthBytes, answer.Grpc, answer.Messages));
            stored += (ulong)whole;
            Assert.Equal(stored, (await log.Log.GetRangeAsync()).NextOffset);
        }
    }

    [Fact]
    public async Task Two_messages_in_a_unary_call_are_refused()
    {
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        using var raw = new RawGrpc(server.Address);
        var answer = await raw.CallAsync("Produce", [.. RawGrpc.Frame(Good), .. RawGrpc.Frame(Good)]);
        Assert.Equal((StatusCode.Internal, ErrorReasons.MalformedCall), (answer.Grpc, answer.Reason));
        await RequireServesAsync(server, nextOffset: 0);
    }

    [Fact]
    public async Task A_batch_in_several_pieces_is_merged_as_protobuf_requires()
    {
        var other = new ProduceRequest
        {
            RecordBatch = new V1.RecordBatch { Records = { new V1.Record { Value = ByteString.CopyFromUtf8("other") } } },
            ExpectedOffset = 0,
        };
        byte[] pieces = [.. Good, .. other.ToByteArray(), .. new ProduceRequest { RecordBatch = new V1.RecordBatch() }.ToByteArray()];
        Assert.Equal(2, ProduceRequest.Parser.ParseFrom(pieces).RecordBatch.Records.Count);
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        using var raw = new RawGrpc(server.Address);
        Assert.Equal(StatusCode.OK, (await raw.CallAsync("Produce", RawGrpc.Frame(pieces))).Grpc);
        Assert.Equal(["good", "other"], await log.Log.ReadAllTextAsync());

        // A record that begins in one piece and ends in the next is malformed.
        byte[] cut = [0x0A, 0x01, 0x1A, 0x0A, 0x01, 0x00];
        Assert.Equal(ErrorReasons.MalformedMessage, (await raw.CallAsync("Produce", RawGrpc.Frame(cut))).Reason);
        Assert.Equal(2ul, (await log.Log.GetRangeAsync()).NextOffset);
    }

    [Fact]
    public async Task A_content_type_that_is_not_gRPC_is_answered_in_HTTP()
    {
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        using var raw = new RawGrpc(server.Address);
        var answer = await raw.CallAsync("Produce", RawGrpc.Frame(Good), contentType: "application/json");
        Assert.Equal(
            new RawAnswer(HttpStatusCode.UnsupportedMediaType, StatusCode.Internal) { Reason = ErrorReasons.MalformedCall }, answer);
        await RequireServesAsync(server, nextOffset: 0);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task What_is_compressed_and_within_the_limit_is_taken(string encoding)
    {
        await using var log = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(log.Log);
        using var raw = new RawGrpc(server.Address);
        var answer = await raw.CallAsync("Produce", RawGrpc.Frame(RawGrpc.Compress(Good, 1, encoding), flag: 1), encoding);
        Assert.Equal(new RawAnswer(HttpStatusCode.OK, StatusCode.OK) { Messages = 1 }, answer);
        Assert.Equal(["good"], await log.Log.ReadAllTextAsync());
    }

    private static async Task RequireServesAsync(TestServer server, ulong nextOffset)
    {
        Assert.Equal(nextOffset, (await server.Client.GetRangeAsync(new GetRangeRequest())).NextOffset);
        Assert.Equal(nextOffset, (await server.Client.ProduceAsync(ProduceRequest.Parser.ParseFrom(Good))).FirstOffset);
    }
}
