using Google.Protobuf;
using LogKit.V1.Envelope;

namespace LogKit.Client.Producing;

/// <summary>An append of a stream.</summary>
/// <param name="Batch">The batch.</param>
/// <param name="ExpectedOffset">The required first offset; null for any.</param>
internal readonly record struct ConditionalBatch(RecordBatch Batch, ulong? ExpectedOffset)
{
    public ProduceRequest ToRequest()
    {
        var request = new ProduceRequest { RecordBatch = { UnsafeByteOperations.UnsafeWrap(Batch.Encoded) } };
        if (ExpectedOffset is { } expected)
            request.ExpectedOffset = expected;
        return request;
    }
}
