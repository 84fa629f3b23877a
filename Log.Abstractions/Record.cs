using System.Text;

namespace LogKit;

/// <summary>One entry of the log, as a batch carries it.</summary>
/// <param name="value">The bytes of the record, opaque to the log; not copied here, but when a batch is made of it.</param>
public readonly struct Record(ReadOnlyMemory<byte> value)
{
    /// <summary>The bytes of the record. May be empty.</summary>
    public ReadOnlyMemory<byte> Value { get; } = value;

    /// <summary>The value read as UTF-8, for tests, logs and people.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Value.Span);
}
