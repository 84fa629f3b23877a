using System.Numerics;
using System.Runtime.InteropServices;

namespace LogKit.Postgres.Storage;

/// <summary>CRC-32C of a batch as it is stored: of its record count and its encoding.</summary>
internal static class Crc32C
{
    public static int Of(RecordBatch batch) => Of(batch.Count, batch.Encoded.Span);

    public static int Of(int count, ReadOnlySpan<byte> encoded)
    {
        var crc = BitOperations.Crc32C(uint.MaxValue, (uint)count);
        var words = BitConverter.IsLittleEndian ? MemoryMarshal.Cast<byte, ulong>(encoded) : [];
        foreach (var word in words)
            crc = BitOperations.Crc32C(crc, word);
        foreach (var single in encoded[(words.Length * sizeof(ulong))..])
            crc = BitOperations.Crc32C(crc, single);
        return unchecked((int)~crc);
    }
}
