using System.Buffers.Binary;

namespace LogKit.Disk.Format;

/// <summary>
/// What stands before the bytes of each batch in a segment. See FORMAT.md for the layout; this file is the only code that knows it.
/// </summary>
/// <param name="PayloadBytes">The length of the batch's encoding, which follows the header at once.</param>
/// <param name="RecordCount">How many offsets the batch takes.</param>
/// <param name="FirstOffset">The offset of its first record.</param>
/// <param name="FlushedPosition">Where in this segment the flushed part ended when the frame was written; never after the frame itself.</param>
internal readonly record struct FrameHeader(int PayloadBytes, int RecordCount, ulong FirstOffset, long FlushedPosition)
{
    public const int SizeBytes = 32;

    /// <summary>Where in the header the first record's offset stands.</summary>
    public const int FirstOffsetPosition = 16;

    /// <summary>The largest payload: what the format could hold is more, but a length above this is taken for damage.</summary>
    public const int PayloadLimitBytes = 1 << 30;

    /// <summary>The type of a frame that holds a batch; the only one of version 1. Zero is no type, so zeros are no frame.</summary>
    private const uint BatchType = 1;

    /// <summary>The length of the frame: header and payload.</summary>
    public int FrameBytes => SizeBytes + PayloadBytes;

    /// <summary>The offset after the batch's last record.</summary>
    public ulong NextOffset => FirstOffset + (ulong)RecordCount;

    /// <summary>Writes a header, with the checksum over it and the payload, which already stands behind it.</summary>
    public void Write(Span<byte> frame, uint salt)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame[4..], PayloadBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[8..], BatchType);
        BinaryPrimitives.WriteInt32LittleEndian(frame[12..], RecordCount);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[16..], FirstOffset);
        BinaryPrimitives.WriteInt64LittleEndian(frame[24..], FlushedPosition);
        BinaryPrimitives.WriteUInt32LittleEndian(frame, Crc32C.Append(salt, frame[4..FrameBytes]));
    }

    /// <summary>
    /// Reads a header, without its checksum: false where the bytes cannot be one, whatever the checksum. What it returns is within
    /// bounds, so that a damaged length asks for no absurd memory.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, long position, out FrameHeader header)
    {
        header = default;
        if (bytes.Length < SizeBytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) != BatchType)
            return false;
        header = new FrameHeader(
            BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]));
        return header.PayloadBytes is > 0 and <= PayloadLimitBytes
            && header.RecordCount > 0
            && header.FlushedPosition >= SegmentHeader.SizeBytes
            && header.FlushedPosition <= position;
    }

    /// <summary>Reads the offset alone, of a header that is known to be one.</summary>
    public static ulong ReadFirstOffset(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[FirstOffsetPosition..]);

    /// <summary>Whether the checksum fits the frame, all of which is given.</summary>
    public static bool ChecksumMatches(ReadOnlySpan<byte> frame, uint salt) =>
        BinaryPrimitives.ReadUInt32LittleEndian(frame) == Crc32C.Append(salt, frame[4..]);
}
