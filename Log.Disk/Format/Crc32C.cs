using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace LogKit.Disk.Format;

/// <summary>CRC-32C (Castagnoli, reflected, as in RFC 3720), by the processor's own instruction where it has one.</summary>
internal static class Crc32C
{
    /// <summary>The checksum of some bytes, going on from the checksum of those before (or from a salt).</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        crc = ~crc;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
            crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        foreach (var single in bytes[(words.Length * sizeof(ulong))..])
            crc = BitOperations.Crc32C(crc, single);
        return ~crc;
    }
}
