// How a message is written: hints for buffering and compression.
namespace Grpc.Core;

[Flags]
public enum WriteFlags
{
    /// <summary>The message may wait in the buffer for a later one.</summary>
    BufferHint = 0x1,

    /// <summary>The message is not compressed even where the call is.</summary>
    NoCompress = 0x2,
}

public class WriteOptions(WriteFlags flags = default)
{
    public static readonly WriteOptions Default = new();

    public WriteFlags Flags { get; } = flags;
}
