using Google.Protobuf;
using LogKit.Grpc.Errors;

namespace LogKit.Grpc.Service;

/// <summary>Validates produce requests.</summary>
internal static class Requests
{
    /// <summary>Gets the batch, which shares the bytes of the request unless it came in pieces.</summary>
    /// <exception cref="RequestException">There is no batch, or it is empty or malformed.</exception>
    public static RecordBatch BatchOf(V1.Envelope.ProduceRequest request)
    {
        if (request.RecordBatch.Count == 0)
            throw RequestException.FieldRequired("record_batch");
        RecordBatch batch;
        try
        {
            batch = RecordBatch.Decode(request.RecordBatch[0].Memory);
            if (request.RecordBatch.Count > 1)
                batch = Merged(request.RecordBatch);
        }
        catch (FormatException exception)
        {
            throw RequestException.Malformed("record_batch", exception.Message);
        }

        return batch.Count > 0 ? batch : throw RequestException.BatchEmpty();
    }

    /// <summary>Merges the pieces of an embedded message as protobuf does. Each must be complete.</summary>
    private static RecordBatch Merged(IEnumerable<ByteString> pieces)
    {
        using var encoded = new MemoryStream();
        foreach (var piece in pieces)
            encoded.Write(RecordBatch.Decode(piece.Memory).Encoded.Span);
        return RecordBatch.Decode(encoded.ToArray());
    }

    public static ulong? ExpectedOffsetOf(V1.Envelope.ProduceRequest request) =>
        request.HasExpectedOffset ? request.ExpectedOffset : null;
}
