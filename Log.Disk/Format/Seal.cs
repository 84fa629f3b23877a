using System.Buffers.Binary;

namespace LogKit.Disk.Format;

/// <summary>
/// States that everything before <see cref="Position"/> is flushed, which is all records before <see cref="NextOffset"/>, and whether
/// another segment follows. The position only grows, so a seal remains true when the segment is written to again.
/// </summary>
internal readonly record struct Seal(long Position, ulong NextOffset, bool IsFollowed = false)
{
    public const int SizeBytes = 32;

    private static ReadOnlySpan<byte> Magic => "LogKit.E"u8;

    /// <summary>
    /// Writes the seal. Its checksum starts with the salt of the segment, so that the seal of another segment never matches.
    /// </summary>
    public void Write(Span<byte> buffer, uint salt)
    {
        buffer[..SizeBytes].Clear();
        Magic.CopyTo(buffer);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[8..], Position);
        BinaryPrimitives.WriteUInt64LittleEndian(buffer[16..], NextOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[24..], IsFollowed ? 1u : 0u);
        Checksum.Write(buffer[..SizeBytes], salt);
    }

    /// <summary>Reads a seal. Returns null if it was never written or is damaged.</summary>
    public static Seal? TryRead(ReadOnlySpan<byte> buffer, uint salt)
    {
        if (buffer.Length < SizeBytes || !buffer[..8].SequenceEqual(Magic) || !Checksum.Matches(buffer[..SizeBytes], salt))
            return null;
        return new Seal(
            BinaryPrimitives.ReadInt64LittleEndian(buffer[8..]), BinaryPrimitives.ReadUInt64LittleEndian(buffer[16..]),
            (BinaryPrimitives.ReadUInt32LittleEndian(buffer[24..]) & 1) != 0);
    }
}
