using System.Runtime.CompilerServices;
using Google.Protobuf;
using LogKit.V1.Envelope;

namespace LogKit.Client.Producing;

/// <summary>An append of a stream.</summary>
/// <param name="Batch">The batch.</param>
/// <param name="ExpectedOffset">The required first offset; null for any.</param>
internal readonly record struct ConditionalBatch(RecordBatch Batch, ulong? ExpectedOffset)
{
    /// <summary>Appends without conditions.</summary>
    public static async IAsyncEnumerable<ConditionalBatch> Unconditional(
        IAsyncEnumerable<RecordBatch> batches, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var batch in batches.WithCancellation(cancellationToken).ConfigureAwait(false))
            yield return new ConditionalBatch(batch, ExpectedOffset: null);
    }

    public ProduceRequest ToRequest()
    {
        var request = new ProduceRequest { RecordBatch = { UnsafeByteOperations.UnsafeWrap(Batch.Encoded) } };
        if (ExpectedOffset is { } expected)
            request.ExpectedOffset = expected;
        return request;
    }
}
