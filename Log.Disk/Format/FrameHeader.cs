using System.Buffers.Binary;

namespace LogKit.Disk.Format;

/// <summary>
/// What stands before the bytes of each batch in a segment. See FORMAT.md for the layout; this file is the only code that knows it.
/// </summary>
/// <param name="PayloadBytes">The length of the batch's encoding, which follows the header at once.</param>
/// <param name="RecordCount">How many offsets the batch takes.</param>
/// <param name="FirstOffset">The offset of its first record.</param>
/// <param name="FlushedPosition">
/// Where in this segment the flushed part ended when the frame was written; never after the frame itself.
/// </param>
internal readonly record struct FrameHeader(int PayloadBytes, int RecordCount, ulong FirstOffset, long FlushedPosition)
{
    public const int SizeBytes = 32;

    /// <summary>Where in the header the first record's offset stands.</summary>
    public const int FirstOffsetPosition = 16;

    /// <summary>The largest payload: the format could hold more, but a length above this is taken for damage.</summary>
    public const int PayloadLimitBytes = 1 << 30;

    /// <summary>The type of a frame that holds a batch, the only one there is. Zero is not a type, so zeros are not a frame.</summary>
    private const uint BatchType = 1;

    private const int FlushedPositionPosition = 24;

    /// <summary>Where the header's own check stands: of what is before it, without the frame's checksum.</summary>
    private const int CheckPosition = 28;

    /// <summary>The length of the frame: header and payload.</summary>
    public int FrameBytes => SizeBytes + PayloadBytes;

    /// <summary>The offset after the batch's last record.</summary>
    public ulong NextOffset => FirstOffset + (ulong)RecordCount;

    /// <summary>Writes a header, with the checksum over it and the payload, which already stands behind it.</summary>
    public void Write(Span<byte> frame, FrameSalts salts)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame[4..], PayloadBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[8..], BatchType);
        BinaryPrimitives.WriteInt32LittleEndian(frame[12..], RecordCount);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[FirstOffsetPosition..], FirstOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[FlushedPositionPosition..], checked((uint)FlushedPosition));
        BinaryPrimitives.WriteUInt32LittleEndian(frame[CheckPosition..], CheckOf(frame, salts));
        BinaryPrimitives.WriteUInt32LittleEndian(frame, Crc32C.Append(salts.Frame, frame[4..FrameBytes]));
    }

    /// <summary>
    /// Reads a header, without the frame's checksum: false if the bytes cannot be a header, whatever the checksum. What it returns is
    /// within bounds, so a damaged length never asks for absurd memory.
    /// </summary>
    /// <param name="bytes">The header, and perhaps more.</param>
    /// <param name="position">Where in the segment it stands.</param>
    /// <param name="salts">The segment's.</param>
    /// <param name="header">What it says.</param>
    public static bool TryRead(ReadOnlySpan<byte> bytes, long position, FrameSalts salts, out FrameHeader header)
    {
        header = default;
        if (bytes.Length < SizeBytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) != BatchType)
            return false;
        header = ReadTrusted(bytes);
        return header.PayloadBytes is > 0 and <= PayloadLimitBytes
            && header.RecordCount > 0
            && header.FlushedPosition >= SegmentHeader.SizeBytes
            && header.FlushedPosition <= position
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes[CheckPosition..]) == CheckOf(bytes, salts);
    }

    /// <summary>Reads a header that is known to be one.</summary>
    public static FrameHeader ReadTrusted(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
        BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
        ReadFirstOffset(bytes),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[FlushedPositionPosition..]));

    /// <summary>Reads the offset alone, of a header that is known to be one.</summary>
    public static ulong ReadFirstOffset(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[FirstOffsetPosition..]);

    /// <summary>Whether the checksum fits the frame, all of which is given.</summary>
    public static bool ChecksumMatches(ReadOnlySpan<byte> frame, FrameSalts salts) =>
        BinaryPrimitives.ReadUInt32LittleEndian(frame) == Crc32C.Append(salts.Frame, frame[4..]);

    // In version 1 the flushed position has these four bytes too, which are zero, as no position in a segment is that large.
    private static uint CheckOf(ReadOnlySpan<byte> bytes, FrameSalts salts) =>
        salts.Header is { } salt ? Crc32C.Append(salt, bytes[4..CheckPosition]) : 0;
}

/// <summary>
/// What the checksums of a segment's frames start with. Both are random and appear nowhere but in the segment's header, so nobody can
/// append a record whose bytes pass for a frame.
/// </summary>
/// <param name="Frame">Starts the checksum of each frame.</param>
/// <param name="Header">Starts the check of each frame's header; null in a segment of version 1, whose frames have none.</param>
internal readonly record struct FrameSalts(uint Frame, uint? Header);
