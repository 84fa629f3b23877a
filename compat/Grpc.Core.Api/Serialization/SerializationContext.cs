// Where a marshaller puts one message. It either completes with an array, or takes the buffer writer, fills it, and completes.
// Nothing is supported here: the server and client packages override what they support.
using System.Buffers;

namespace Grpc.Core;

public abstract class SerializationContext
{
    /// <summary>Ends with this payload; the context owns the array from here on.</summary>
    public virtual void Complete(byte[] payload) => throw new NotImplementedException();

    /// <summary>The buffer to write the payload to, before <see cref="Complete()"/>.</summary>
    public virtual IBufferWriter<byte> GetBufferWriter() => throw new NotImplementedException();

    /// <summary>Says how many bytes will be written, before the buffer writer is taken.</summary>
    public virtual void SetPayloadLength(int payloadLength) => throw new NotImplementedException();

    /// <summary>Ends with what was written to the buffer.</summary>
    public virtual void Complete() => throw new NotImplementedException();
}
