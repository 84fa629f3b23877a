using Google.Protobuf;
using Grpc.Core;
using LogKit.Postgres;
using LogKit.Tests.Postgres;
using LogKit.Tests.Support;
using LogKit.V1;
using Moq;

namespace LogKit.Tests.Service;

/// <summary>
/// Every row of the error table as a client receives it: status, message, details, and trailers, in one snapshot per row. Rows that a real
/// log can produce run against every log, which all share one snapshot. The other rows run against a mock.
/// </summary>
[UsesVerify]
public sealed class ErrorStatusTests
{
    private static readonly Dictionary<string, Func<TestServer, Task>> OfAnyLog = new()
    {
        ["beyond the end"] = server => server.Client.ConsumeAsync(new ConsumeRequest { Offset = 42 }).ResponseAsync,
        ["beyond the end of all offsets"] = server =>
            server.Client.ConsumeAsync(new ConsumeRequest { Offset = ulong.MaxValue }).ResponseAsync,
        ["beyond the end as a stream"] = server =>
            server.Client.ConsumeStream(new ConsumeRequest { Offset = 42 }).ResponseStream.MoveNext(),
        ["truncated away"] = server => server.Client.ConsumeAsync(new ConsumeRequest { Offset = 3 }).ResponseAsync,
        ["truncated away as a stream"] = server => server.Client.ConsumeStream(new ConsumeRequest { Offset = 3 }).ResponseStream.MoveNext(),
        ["batch missing"] = server => server.Client.ProduceAsync(new ProduceRequest()).ResponseAsync,
        ["batch missing in a stream"] = server => ProduceOnStreamAsync(server.Client, new ProduceRequest()),
        ["batch empty"] = server => server.Client.ProduceAsync(new ProduceRequest { RecordBatch = new V1.RecordBatch() }).ResponseAsync,
        ["batch too large"] = server => server.Client.ProduceAsync(RequestOf(5_000_000)).ResponseAsync,
        ["batch too large in a stream"] = server => ProduceOnStreamAsync(server.Client, RequestOf(5_000_000)),
        ["batch malformed"] = server => server.Client.ProduceAsync(new ProduceRequest { RecordBatch = Malformed() }).ResponseAsync,
        ["request malformed"] = server => CallAsync(server, "Produce", [0x0A, 0x7F]),
        ["expected offset"] = server => server.Client.ProduceAsync(RequestOf(1, expectedOffset: 7)).ResponseAsync,
        ["unknown method"] = server => CallAsync(server, "Shout", []),
    };

    private static readonly Dictionary<string, Exception> OfALogThatFails = new()
    {
        ["storage unreachable"] = new LogUnavailableException(new IOException("connection to 10.0.0.1 refused")),
        ["disk full"] = new LogFullException(new IOException("no space left on device")),
        ["failed while writing"] = new AppendOutcomeUnknownException(new IOException("input/output error")),
        ["failed earlier"] = new LogReadOnlyException(new IOException("input/output error")),
        ["corrupt"] = new RecordCorruptException(17, new InvalidDataException("byte 4711 of a secret file")),
        ["anything else"] = new InvalidOperationException("a secret of the implementation"),
        ["closed under the service"] = new ObjectDisposedException("a log"),
        ["trouble with another service"] = new RpcException(new global::Grpc.Core.Status(StatusCode.Aborted, "a secret of that service")),
    };

    public static TheoryData<string> RowsOfAnyLog => [.. OfAnyLog.Keys];

    public static TheoryData<string> RowsOfALogThatFails => [.. OfALogThatFails.Keys];

    [Theory]
    [MemberData(nameof(RowsOfAnyLog))]
    public async Task Status(string row)
    {
        var descriptions = new List<string>();
        foreach (var backend in Enum.GetValues<Backend>())
        {
            await using var log = TestLog.Open(backend);
            descriptions.Add(await DescribeAsync(row, (ITruncatableLog)log.Log));
        }

        Assert.Single(descriptions.Distinct());
        await Verify(descriptions[0]).UseParameters(FileNameOf(row));
    }

    /// <remarks>Compares with the in-memory log, which the test above checks against the snapshots.</remarks>
    [PostgresTheory]
    [MemberData(nameof(RowsOfAnyLog))]
    public async Task Status_is_the_same_for_a_log_in_a_database(string row)
    {
        await using var memory = TestLog.Open(Backend.InMemory);
        await using var database = await PostgresLog.OpenAsync(
            new PostgresLogOptions { ConnectionString = PostgresCluster.Shared.ConnectionString, LogName = $"status_{Guid.NewGuid():N}" });
        Assert.Equal(await DescribeAsync(row, (ITruncatableLog)memory.Log), await DescribeAsync(row, database));
    }

    [Theory]
    [MemberData(nameof(RowsOfALogThatFails))]
    public async Task Status_of_a_log_that_fails(string row)
    {
        var mock = new Mock<ILog>();
        mock.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Throws(OfALogThatFails[row]);
        mock.Setup(log => log.ReadBatchAsync(It.IsAny<ulong>(), It.IsAny<CancellationToken>())).Throws(OfALogThatFails[row]);
        await using var server = await TestServer.StartAsync(mock.Object, expectsJournalEntries: true);

        var produced = await Assert.ThrowsAsync<RpcException>(() => server.Client.ProduceAsync(RequestOf(1)).ResponseAsync);
        var consumed = await Assert.ThrowsAsync<RpcException>(() => server.Client.ConsumeAsync(new ConsumeRequest()).ResponseAsync);
        var streamed = await Assert.ThrowsAsync<RpcException>(() => ProduceOnStreamAsync(server.Client, RequestOf(1)));
        Assert.Equal(StatusText.Of(produced), StatusText.Of(consumed));
        Assert.Equal(StatusText.Of(produced), StatusText.Of(streamed));
        await Verify(StatusText.Of(produced)).UseParameters(FileNameOf(row));
    }

    [Fact]
    public async Task The_cause_of_an_internal_error_is_in_the_journal_under_the_trace_id_that_the_client_gets()
    {
        var mock = new Mock<ILog>();
        mock.Setup(log => log.GetRangeAsync(It.IsAny<CancellationToken>())).Throws(new InvalidOperationException("the very cause"));
        await using var server = await TestServer.StartAsync(mock.Object, expectsJournalEntries: true);
        var failure = await Assert.ThrowsAsync<RpcException>(() => server.Client.GetRangeAsync(new GetRangeRequest()).ResponseAsync);
        var traceId = StatusText.InfoOf(failure)!.Metadata[ErrorReasons.Keys.TraceId];
        Assert.Contains(server.Journal.Entries, entry =>
            entry.Contains(traceId, StringComparison.Ordinal) && entry.Contains("the very cause", StringComparison.Ordinal));
    }

    private static async Task<string> DescribeAsync(string row, ITruncatableLog log)
    {
        await log.AppendBatchAsync(RecordBatch.OfText([.. Enumerable.Range(0, 40).Select(i => $"{i}")]));
        await log.TruncateBeforeAsync(10);
        await using var server = await TestServer.StartAsync(log);
        var failure = await Assert.ThrowsAsync<RpcException>(() => OfAnyLog[row](server).Within(row));

        // The server still serves valid calls.
        Assert.Equal(30, (await server.Client.ConsumeAsync(new ConsumeRequest { Offset = 10 })).RecordBatch.Records.Count);
        return StatusText.Of(failure);
    }

    private static string FileNameOf(string row) => row.Replace(' ', '_');

    private static ProduceRequest RequestOf(int sizeBytes, ulong? expectedOffset = null)
    {
        // The encoding of a record of 128 KiB to 2 MiB adds 8 bytes to its value.
        var value = ByteString.CopyFrom(new byte[sizeBytes > 1 ? sizeBytes - 10 : 1]);
        var request = new ProduceRequest { RecordBatch = new V1.RecordBatch { Records = { new V1.Record { Value = value } } } };
        if (expectedOffset is { } expected)
            request.ExpectedOffset = expected;
        return request;
    }

    /// <summary>A batch with a varint in field 3. Generated classes cannot express this, but unknown fields can.</summary>
    private static V1.RecordBatch Malformed() => V1.RecordBatch.Parser.ParseFrom([0x18, 0x01]);

    private static async Task ProduceOnStreamAsync(V1.Log.LogClient client, ProduceRequest request)
    {
        using var call = client.ProduceStream();
        await call.RequestStream.WriteAsync(request);
        await call.ResponseStream.MoveNext();
    }

    /// <summary>Calls a method with arbitrary bytes as the request.</summary>
    private static async Task CallAsync(TestServer server, string method, byte[] request)
    {
        var bytes = Marshallers.Create(static value => value, static value => value);
        var raw = new Method<byte[], byte[]>(MethodType.Unary, "log.v1.Log", method, bytes, bytes);
        await server.Channel.CreateCallInvoker().AsyncUnaryCall(raw, null, default, request);
    }
}
