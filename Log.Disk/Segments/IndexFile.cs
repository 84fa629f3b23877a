using System.Buffers.Binary;
using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Segments;

/// <summary>
/// The index of a full segment, in a file of its own. It is only a hint: it is never flushed, a missing or damaged one is rebuilt from the
/// segment, and whatever it leads to is verified. See FORMAT.md.
/// </summary>
internal static class IndexFile
{
    private const int HeadBytes = 40;
    private const int EntryBytes = 8;
    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "LogKit.X"u8;

    /// <summary>Writes the index. If that fails, there is none.</summary>
    /// <param name="storage">The directory.</param>
    /// <param name="header">The header of the segment.</param>
    /// <param name="end">The position at which its frames end.</param>
    /// <param name="index">The index.</param>
    public static void TryWrite(IStorage storage, SegmentHeader header, long end, SegmentIndex index)
    {
        var entries = index.Entries;
        var bytes = new byte[HeadBytes + (entries.Length * EntryBytes) + Checksum.SizeBytes];
        WriteHead(bytes, header, end, entries.Length);
        for (var i = 0; i < entries.Length; i++)
        {
            var entry = bytes.AsSpan(HeadBytes + (i * EntryBytes), EntryBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(entry, entries[i].RelativeOffset);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], entries[i].Position);
        }

        Checksum.Write(bytes, header.Salt);
        try
        {
            using var file = storage.Create(SegmentName.OfIndex(header.BaseOffset));
            file.Write(bytes, 0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The checksum of a partial file does not match.
        }
    }

    /// <summary>Reads the index. Returns null if there is none that matches the segment.</summary>
    public static SegmentIndex? TryRead(IStorage storage, SegmentHeader header, long end)
    {
        byte[] bytes;
        try
        {
            using var file = storage.Open(SegmentName.OfIndex(header.BaseOffset), canWrite: false);
            var length = file.Length;
            if (length < HeadBytes + Checksum.SizeBytes
                || length > HeadBytes + Checksum.SizeBytes + SegmentIndex.EntryLimit(end) * EntryBytes)
                return null;
            bytes = new byte[length];
            if (file.Read(bytes, 0) != bytes.Length)
                return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        Span<byte> head = stackalloc byte[HeadBytes];
        var count = (bytes.Length - HeadBytes - Checksum.SizeBytes) / EntryBytes;
        WriteHead(head, header, end, count);
        if (!bytes.AsSpan().StartsWith(head) || !Checksum.Matches(bytes, header.Salt))
            return null;

        var entries = new SegmentIndex.Entry[count];
        for (var i = 0; i < count; i++)
        {
            var entry = bytes.AsSpan(HeadBytes + (i * EntryBytes), EntryBytes);
            entries[i] = new SegmentIndex.Entry(
                BinaryPrimitives.ReadUInt32LittleEndian(entry), BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]));
        }

        return SegmentIndex.TryOf(header.BaseOffset, entries, end);
    }

    private static void WriteHead(Span<byte> head, SegmentHeader header, long end, int count)
    {
        Magic.CopyTo(head);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(head[12..], header.Salt);
        BinaryPrimitives.WriteUInt64LittleEndian(head[16..], header.BaseOffset);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], end);
        BinaryPrimitives.WriteInt32LittleEndian(head[32..], count);
        BinaryPrimitives.WriteInt32LittleEndian(head[36..], 0);
    }
}
