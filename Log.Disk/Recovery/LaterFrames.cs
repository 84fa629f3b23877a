using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Recovery;

/// <summary>Looks for frames behind a place that is no frame: what they say of the flushed part is a proof of damage before them.</summary>
internal static class LaterFrames
{
    private const int ChunkBytes = 256 * 1024;

    /// <summary>
    /// The most bytes that are checksummed. A header of version 2 has a check of its own, so nothing but the segment's frames is
    /// checksummed, each once. In version 1 a record's bytes may look like headers, and each of them costs a checksum.
    /// </summary>
    private const long WorkLimitBytes = 1L << 30;

    /// <summary>
    /// The highest flushed position that a sound frame after a place tells, if it is beyond that place; 0 otherwise. If finding out
    /// takes unreasonable work, which only happens in version 1, the largest number: a person should look.
    /// </summary>
    /// <param name="file">The segment.</param>
    /// <param name="header">Its identity, whose salt keeps bytes of users and of other segments from passing for frames.</param>
    /// <param name="place">Where the sound frames end.</param>
    /// <param name="tail">What to look through, byte by byte, as damage may have hit a length: outside it there are only zeros.</param>
    public static long HighestFlushedPosition(IStorageFile file, SegmentHeader header, long place, (long Start, long End) tail)
    {
        var highest = 0L;
        var work = 0L;
        var buffer = new byte[ChunkBytes];
        for (var position = Math.Max(place, tail.Start - FrameHeader.SizeBytes);
            position < tail.End;
            position += ChunkBytes - FrameHeader.SizeBytes)
        {
            var read = file.Read(buffer, position);
            for (var at = 0; at + FrameHeader.SizeBytes <= read; at++)
            {
                if (FrameHeader.TryRead(buffer.AsSpan(at, read - at), position + at, header.Salts, out var frame)
                    && frame.FlushedPosition > Math.Max(place, highest)
                    && frame.FrameBytes <= file.Length - position - at)
                {
                    if ((work += frame.FrameBytes) > WorkLimitBytes)
                        return long.MaxValue;
                    if (IsSound(file, header, frame, position + at))
                        highest = frame.FlushedPosition;
                }
            }
        }

        return highest;
    }

    private static bool IsSound(IStorageFile file, SegmentHeader header, FrameHeader frame, long position)
    {
        var bytes = new byte[frame.FrameBytes];
        return file.Read(bytes, position) == bytes.Length && FrameHeader.ChecksumMatches(bytes, header.Salts);
    }
}
