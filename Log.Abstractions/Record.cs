using System.Text;

namespace LogKit;

/// <summary>A record: the unit that an offset numbers.</summary>
/// <param name="value">
/// The bytes of the record, which are opaque to the log. They are copied when a batch is made of the record, not before.
/// </param>
public readonly struct Record(ReadOnlyMemory<byte> value)
{
    /// <summary>The bytes of the record. May be empty.</summary>
    public ReadOnlyMemory<byte> Value { get; } = value;

    /// <summary>The value decoded as UTF-8, for tests and diagnostics.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Value.Span);
}
