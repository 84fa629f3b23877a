using System.Buffers.Binary;
using LogKit.Disk.Format;

namespace LogKit.Disk.Segments;

/// <summary>Finds the frame that holds an offset.</summary>
internal static class FrameSearch
{
    /// <summary>What is read at a time: a page or so costs hardly more than a header.</summary>
    private const int ChunkBytes = 4096;

    /// <summary>The longest frame that is guessed at: longer ones are few between two entries of the index.</summary>
    private const int GuessLimitBytes = 2048;

    /// <summary>How far before the place where a frame should be it is looked for.</summary>
    private const int GuessMarginBytes = 1024;

    [ThreadStatic]
    private static byte[]? _scratch;

    /// <summary>
    /// Finds a frame where it stands if frames are about equally long between two entries of the index. One read then does it all;
    /// whatever goes wrong, there is <see cref="Find"/>.
    /// </summary>
    /// <param name="segment">The segment that holds the offset.</param>
    /// <param name="offset">Must be the first of a batch for this to succeed.</param>
    /// <param name="position">Where the frame stands.</param>
    /// <param name="header">Its header.</param>
    /// <param name="frame">All of it, its checksum checked; good until this thread's next search.</param>
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
    /// Where the frame stands, and its header, whose checksum is not checked: from the index's nearest entry on, header by header.
    /// </summary>
    /// <param name="segment">The segment that holds the offset.</param>
    /// <param name="offset">Lies before the segment's readable end.</param>
    /// <exception cref="RecordCorruptException">There is no way to the frame.</exception>
    public static (long Position, FrameHeader Header) Find(Segment segment, ulong offset)
    {
        var position = segment.FindPosition(offset);
        // Of long frames no second header would be in it.
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
                throw Corrupt(segment, offset, position); // the file ends before the segment does
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
