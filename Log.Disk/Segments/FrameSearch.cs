using System.Buffers.Binary;
using LogKit.Disk.Format;

namespace LogKit.Disk.Segments;

/// <summary>Finds the frame that contains an offset.</summary>
internal static class FrameSearch
{
    /// <summary>The size of a read. Reading a page costs hardly more than reading a header.</summary>
    private const int ChunkBytes = 4096;

    /// <summary>The longest frame whose position is guessed. There are few longer ones between two entries of the index.</summary>
    private const int GuessLimitBytes = 2048;

    /// <summary>How far before the expected position the search starts.</summary>
    private const int GuessMarginBytes = 1024;

    [ThreadStatic]
    private static byte[]? _scratch;

    /// <summary>
    /// Guesses the position of a frame, assuming that frames between two entries of the index have about the same length. If that works,
    /// one read suffices; otherwise use <see cref="Find"/>.
    /// </summary>
    /// <param name="segment">The segment that contains the offset.</param>
    /// <param name="offset">The offset. The guess succeeds only for the first offset of a batch.</param>
    /// <param name="position">The position of the frame.</param>
    /// <param name="header">The header of the frame.</param>
    /// <param name="frame">The whole frame, with its checksum verified. Valid until the next search of this thread.</param>
    public static bool TryGuess(Segment segment, ulong offset, out long position, out FrameHeader header, out ReadOnlySpan<byte> frame)
    {
        header = default;
        frame = default;
        position = 0;
        if (segment.FrameBytes > GuessLimitBytes || segment.Interpolate(offset) is not { } guess)
            return false;
        var start = Math.Max(SegmentHeader.SizeBytes, guess - GuessMarginBytes);
        var bytes = Read(segment, start, ChunkBytes);

        Span<byte> wanted = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(wanted, offset);
        var found = bytes.IndexOf(wanted) - FrameHeader.FirstOffsetPosition;
        position = start + found;
        if (found < 0
            || !FrameHeader.TryRead(bytes[found..], position, segment.Header.Salts, out header)
            || header.FrameBytes > bytes.Length - found)
            return false;
        frame = bytes.Slice(found, header.FrameBytes);
        return header.FirstOffset == offset && FrameHeader.ChecksumMatches(frame, segment.Header.Salts);
    }

    /// <summary>
    /// Finds a frame by reading headers, starting at the nearest entry of the index. Does not verify the frame's checksum.
    /// </summary>
    /// <param name="segment">The segment that contains the offset.</param>
    /// <param name="offset">The offset, which must be before the readable end of the segment.</param>
    /// <exception cref="RecordCorruptException">Damage prevents finding the frame.</exception>
    public static (long Position, FrameHeader Header) Find(Segment segment, ulong offset)
    {
        var position = segment.FindPosition(offset);
        // If frames are long, a chunk would not contain a second header.
        var chunkBytes = segment.FrameBytes > ChunkBytes ? FrameHeader.SizeBytes : ChunkBytes;
        while (true)
        {
            var start = position;
            var bytes = Read(segment, start, chunkBytes);
            while (position - start <= bytes.Length - FrameHeader.SizeBytes)
            {
                if (!FrameHeader.TryRead(bytes[(int)(position - start)..], position, segment.Header.Salts, out var header)
                    || header.FirstOffset > offset || header.FrameBytes > segment.End - position)
                {
                    throw Corrupt(segment, offset, position);
                }

                if (offset < header.NextOffset)
                    return (position, header);
                position += header.FrameBytes;
            }

            if (position == start)
                throw Corrupt(segment, offset, position); // the file is shorter than the segment
        }
    }

    public static RecordCorruptException Corrupt(Segment segment, ulong offset, long position) => new(offset, new InvalidDataException(
        FormattableString.Invariant($"there is no sound frame at byte {position} of {segment.Name}")));

    private static ReadOnlySpan<byte> Read(Segment segment, long position, int wantedBytes)
    {
        var scratch = (_scratch ??= new byte[ChunkBytes]).AsSpan(0, (int)Math.Min(wantedBytes, segment.End - position));
        return scratch[..segment.Read(scratch, position)];
    }
}
