using System.Buffers.Binary;

namespace LogKit.Disk.Format;

/// <summary>The CRC-32C of a structure, stored in its last four bytes and computed over all bytes before.</summary>
internal static class Checksum
{
    public const int SizeBytes = sizeof(uint);

    /// <param name="structure">The structure, including room for its checksum.</param>
    /// <param name="salt">The initial value of the checksum: the salt of the segment, or 0 outside of segments.</param>
    public static void Write(Span<byte> structure, uint salt) =>
        BinaryPrimitives.WriteUInt32LittleEndian(structure[^SizeBytes..], Crc32C.Append(salt, structure[..^SizeBytes]));

    public static bool Matches(ReadOnlySpan<byte> structure, uint salt) =>
        BinaryPrimitives.ReadUInt32LittleEndian(structure[^SizeBytes..]) == Crc32C.Append(salt, structure[..^SizeBytes]);
}
