using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace LogKit;

/// <summary>
/// For implementations of <see cref="ILog"/>: CRC-32C (the Castagnoli polynomial, reflected, as in RFC 3720), using the CPU's instruction
/// where there is one.
/// </summary>
/// <remarks>
/// The instruction has a latency of three cycles and a throughput of one per cycle, so three independent checksums cost no more than one.
/// Long input is split into three parts that are computed side by side. A table combines the results: it holds what a checksum becomes
/// when as many zeros as the length of a part follow it, which is linear in the bits of the checksum.
/// </remarks>
public static class Crc32C
{
    private const int LongPartBytes = 1024;
    private const int ShortPartBytes = 128;

    private static readonly uint[] AfterLongPart = ShiftTable(LongPartBytes);
    private static readonly uint[] AfterShortPart = ShiftTable(ShortPartBytes);

    /// <summary>Continues a checksum over more bytes.</summary>
    /// <param name="crc">The checksum of the bytes before these; 0 or a salt if these are the first.</param>
    /// <param name="bytes">The bytes to add.</param>
    /// <returns>The checksum of all bytes so far.</returns>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        crc = ~crc;
        if (Sse42.X64.IsSupported)
        {
            while (bytes.Length >= 3 * LongPartBytes)
                crc = AppendThreeParts(crc, ref bytes, LongPartBytes, AfterLongPart);
            while (bytes.Length >= 3 * ShortPartBytes)
                crc = AppendThreeParts(crc, ref bytes, ShortPartBytes, AfterShortPart);
        }

        return ~AppendOnePart(crc, bytes);
    }

    private static uint AppendThreeParts(uint crc, ref ReadOnlySpan<byte> bytes, int partBytes, uint[] afterPart)
    {
        var first = MemoryMarshal.Cast<byte, ulong>(bytes[..partBytes]);
        var second = MemoryMarshal.Cast<byte, ulong>(bytes.Slice(partBytes, partBytes))[..first.Length];
        var third = MemoryMarshal.Cast<byte, ulong>(bytes.Slice(2 * partBytes, partBytes))[..first.Length];
        ulong a = crc, b = 0, c = 0;
        for (var i = 0; i < first.Length; i++)
        {
            a = Sse42.X64.Crc32(a, first[i]);
            b = Sse42.X64.Crc32(b, second[i]);
            c = Sse42.X64.Crc32(c, third[i]);
        }

        bytes = bytes[(3 * partBytes)..];
        return Shift(afterPart, Shift(afterPart, (uint)a) ^ (uint)b) ^ (uint)c;
    }

    private static uint AppendOnePart(uint crc, ReadOnlySpan<byte> bytes)
    {
        var words = BitConverter.IsLittleEndian ? MemoryMarshal.Cast<byte, ulong>(bytes) : [];
        foreach (var word in words)
            crc = BitOperations.Crc32C(crc, word);
        foreach (var single in bytes[(words.Length * sizeof(ulong))..])
            crc = BitOperations.Crc32C(crc, single);
        return crc;
    }

    /// <summary>Looks up, byte by byte, what a checksum becomes when zeros follow it.</summary>
    private static uint Shift(uint[] table, uint crc) =>
        table[crc & 0xFF] ^ table[256 + ((crc >> 8) & 0xFF)] ^ table[512 + ((crc >> 16) & 0xFF)] ^ table[768 + (crc >> 24)];

    private static uint[] ShiftTable(int zeroBytes)
    {
        var zeros = new byte[zeroBytes];
        var ofBits = new uint[32];
        for (var bit = 0; bit < 32; bit++)
            ofBits[bit] = AppendOnePart(1u << bit, zeros);

        var table = new uint[4 * 256];
        for (var i = 0; i < table.Length; i++)
        {
            for (var bit = 0; bit < 8; bit++)
                table[i] ^= (i & (1 << bit)) != 0 ? ofBits[(i / 256 * 8) + bit] : 0;
        }

        return table;
    }
}
