using System.Buffers.Binary;

namespace LogKit.Disk.Format;

/// <summary>
/// What is known to be flushed: everything before <see cref="Position"/>, which is all records before <see cref="NextOffset"/>.
/// Also whether another segment follows, which is then missing where this one is the last. It only ever grows, so it need not be taken back
/// before the segment is written to again.
/// </summary>
internal readonly record struct Seal(long Position, ulong NextOffset, bool IsFollowed = false)
{
    public const int SizeBytes = 32;

    private static ReadOnlySpan<byte> Magic => "LogKit.E"u8;

    /// <summary>Writes the seal. The segment's salt goes into its checksum, so that another segment's seal never fits.</summary>
    public void Write(Span<byte> buffer, uint salt)
    {
        buffer[..SizeBytes].Clear();
        Magic.CopyTo(buffer);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[8..], Position);
        BinaryPrimitives.WriteUInt64LittleEndian(buffer[16..], NextOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[24..], IsFollowed ? 1u : 0u);
        Checksum.Write(buffer[..SizeBytes], salt);
    }

    /// <summary>Reads a seal; there is none where it was never written, or is damaged.</summary>
    public static Seal? TryRead(ReadOnlySpan<byte> buffer, uint salt)
    {
        if (buffer.Length < SizeBytes || !buffer[..8].SequenceEqual(Magic) || !Checksum.Matches(buffer[..SizeBytes], salt))
            return null;
        return new Seal(
            BinaryPrimitives.ReadInt64LittleEndian(buffer[8..]), BinaryPrimitives.ReadUInt64LittleEndian(buffer[16..]),
            (BinaryPrimitives.ReadUInt32LittleEndian(buffer[24..]) & 1) != 0);
    }
}
