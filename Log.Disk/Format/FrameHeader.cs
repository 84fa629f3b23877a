using System.Buffers.Binary;

namespace LogKit.Disk.Format;

/// <summary>
/// The header before each batch in a segment. FORMAT.md specifies the layout; only this file implements it.
/// </summary>
/// <param name="PayloadBytes">The length of the batch's encoding, which follows the header.</param>
/// <param name="RecordCount">The number of records in the batch.</param>
/// <param name="FirstOffset">The offset of the first record.</param>
/// <param name="FlushedPosition">
/// The position in this segment up to which it was flushed when the frame was written. Never after the frame itself.
/// </param>
internal readonly record struct FrameHeader(int PayloadBytes, int RecordCount, ulong FirstOffset, long FlushedPosition)
{
    public const int SizeBytes = 32;

    /// <summary>The position of the first record's offset in the header.</summary>
    public const int FirstOffsetPosition = 16;

    /// <summary>The limit on the payload. The format allows more, but a greater length is treated as damage.</summary>
    public const int PayloadLimitBytes = 1 << 30;

    /// <summary>The type of a frame that contains a batch, the only type. Zero is not a type, so that zeros are not a frame.</summary>
    private const uint BatchType = 1;

    private const int FlushedPositionPosition = 24;

    /// <summary>The position of the header's own checksum, which covers the bytes before it except the frame's checksum.</summary>
    private const int CheckPosition = 28;

    /// <summary>The length of the frame: header plus payload.</summary>
    public int FrameBytes => SizeBytes + PayloadBytes;

    /// <summary>The offset after the batch's last record.</summary>
    public ulong NextOffset => FirstOffset + (ulong)RecordCount;

    /// <summary>Writes the header, including the checksum over header and payload. The payload must already be in place.</summary>
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
    /// Reads a header without verifying the frame's checksum. Returns false if the bytes cannot be a header. All values of a returned
    /// header are within bounds, so a damaged length never causes a huge allocation.
    /// </summary>
    /// <param name="bytes">The header, possibly followed by more.</param>
    /// <param name="position">The position of the header in the segment.</param>
    /// <param name="salts">The salts of the segment.</param>
    /// <param name="header">The header.</param>
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

    /// <summary>Reads a header that is known to be valid.</summary>
    public static FrameHeader ReadTrusted(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
        BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
        ReadFirstOffset(bytes),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[FlushedPositionPosition..]));

    /// <summary>Reads only the offset of a header that is known to be valid.</summary>
    public static ulong ReadFirstOffset(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[FirstOffsetPosition..]);

    /// <summary>Verifies the checksum of a complete frame.</summary>
    public static bool ChecksumMatches(ReadOnlySpan<byte> frame, FrameSalts salts) =>
        BinaryPrimitives.ReadUInt32LittleEndian(frame) == Crc32C.Append(salts.Frame, frame[4..]);

    // In version 1, these four bytes belong to the flushed position. They are zero, because no position in a segment is that large.
    private static uint CheckOf(ReadOnlySpan<byte> bytes, FrameSalts salts) =>
        salts.Header is { } salt ? Crc32C.Append(salt, bytes[4..CheckPosition]) : 0;
}

/// <summary>
/// The initial values of the checksums of a segment's frames. Both are random and are stored only in the segment's header, so nobody can
/// append a record whose bytes pass for a frame.
/// </summary>
/// <param name="Frame">The initial value of the checksum of each frame.</param>
/// <param name="Header">
/// The initial value of the checksum of each frame's header; null in a segment of version 1, whose headers have none.
/// </param>
internal readonly record struct FrameSalts(uint Frame, uint? Header);
