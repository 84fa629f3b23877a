using System.Buffers.Binary;

namespace LogKit.Disk.Format;

/// <summary>The CRC-32C in the last four bytes of a structure, over all bytes before it.</summary>
internal static class Checksum
{
    public const int SizeBytes = sizeof(uint);

    /// <param name="structure">The structure, with its checksum to be filled in.</param>
    /// <param name="salt">What the checksum starts with: the segment's salt, or 0 outside of segments.</param>
    public static void Write(Span<byte> structure, uint salt) =>
        BinaryPrimitives.WriteUInt32LittleEndian(structure[^SizeBytes..], Crc32C.Append(salt, structure[..^SizeBytes]));

    public static bool Matches(ReadOnlySpan<byte> structure, uint salt) =>
        BinaryPrimitives.ReadUInt32LittleEndian(structure[^SizeBytes..]) == Crc32C.Append(salt, structure[..^SizeBytes]);
}
