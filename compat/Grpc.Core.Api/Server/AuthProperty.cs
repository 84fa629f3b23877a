// One thing that the transport knows of the peer. Immutable: bytes are copied on the way in and on the way out.
using System.Text;

namespace Grpc.Core;

public class AuthProperty
{
    private readonly byte[] _valueBytes;

    private AuthProperty(string name, byte[] valueBytes)
    {
        Name = name;
        _valueBytes = valueBytes;
    }

    public string Name { get; }

    /// <summary>The value read as UTF-8.</summary>
    public string Value => Encoding.UTF8.GetString(_valueBytes);

    public byte[] ValueBytes => [.. _valueBytes];

    public static AuthProperty Create(string name, byte[] valueBytes)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(valueBytes);
        return new AuthProperty(name, [.. valueBytes]);
    }
}
