// Where a marshaller takes one message from. The payload may be read once, and only while the deserializer runs.
using System.Buffers;

namespace Grpc.Core;

public abstract class DeserializationContext
{
    /// <summary>Payload length in bytes.</summary>
    public abstract int PayloadLength { get; }

    /// <summary>The payload as an array that belongs to the caller.</summary>
    public virtual byte[] PayloadAsNewBuffer() => throw new NotImplementedException();

    /// <summary>The payload without a copy; it is not valid after the deserializer has returned.</summary>
    public virtual ReadOnlySequence<byte> PayloadAsReadOnlySequence() => throw new NotImplementedException();
}
