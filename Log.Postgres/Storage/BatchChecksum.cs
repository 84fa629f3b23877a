using System.Buffers.Binary;

namespace LogKit.Postgres.Storage;

/// <summary>The checksum that is stored with a batch: the CRC-32C of its record count (4 bytes, little-endian) and its encoding.</summary>
internal static class BatchChecksum
{
    public static int Of(int count, ReadOnlySpan<byte> encoded)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, count);
        return unchecked((int)Crc32C.Append(Crc32C.Append(0, bytes), encoded));
    }
}
