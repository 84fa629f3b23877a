using Google.Protobuf;
using LogKit.Grpc.Errors;

namespace LogKit.Grpc.Service;

/// <summary>What a produce request says, checked.</summary>
internal static class Requests
{
    /// <summary>The batch, whose bytes are the request's own unless it came in pieces.</summary>
    /// <exception cref="RequestException">There is none, it is empty, or it is no batch.</exception>
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

    /// <summary>The pieces of one embedded message as protobuf merges them. Each must be whole by itself.</summary>
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
