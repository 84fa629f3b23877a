using LogKit.Disk.Format;

namespace LogKit.Disk.Segments;

/// <summary>Finds the frame that holds an offset, by its header: from the index's nearest entry on, from header to header.</summary>
internal static class FrameSearch
{
    [ThreadStatic]
    private static byte[]? _scratch;

    /// <summary>Where the frame stands, and its header, whose checksum is not checked yet.</summary>
    /// <param name="segment">The segment that holds the offset.</param>
    /// <param name="offset">Lies before the segment's readable end.</param>
    /// <exception cref="RecordCorruptException">There is no way to the frame.</exception>
    public static (long Position, FrameHeader Header) Find(Segment segment, ulong offset)
    {
        var scratch = _scratch ??= new byte[SegmentIndex.StrideBytes];
        var position = segment.FindPosition(offset);
        while (true)
        {
            var read = segment.File.Read(scratch.AsSpan(0, (int)Math.Min(scratch.Length, segment.End - position)), position);
            var start = position;
            while (position - start <= read - FrameHeader.SizeBytes)
            {
                if (!FrameHeader.TryRead(scratch.AsSpan((int)(position - start)), position, out var header)
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
}
