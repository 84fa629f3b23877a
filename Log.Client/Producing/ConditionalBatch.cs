using Google.Protobuf;
using LogKit.V1.Envelope;

namespace LogKit.Client.Producing;

/// <summary>One append, by itself or of a stream.</summary>
/// <param name="Batch">What to append.</param>
/// <param name="ExpectedOffset">Where, or nowhere; null where any offset will do.</param>
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
