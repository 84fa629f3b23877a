using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Recovery;

/// <summary>
/// Searches for frames after a position that is not a frame. Their flushed positions can prove that there is damage before them.
/// </summary>
internal static class LaterFrames
{
    private const int ChunkBytes = 256 * 1024;

    /// <summary>
    /// The limit on bytes that are checksummed. In version 2, headers have a checksum of their own, so only real frames are checksummed,
    /// each once. In version 1, the bytes of a record may look like headers, each of which costs a checksum.
    /// </summary>
    private const long WorkLimitBytes = 1L << 30;

    /// <summary>
    /// Finds the highest flushed position in a sound frame after a place, if it is beyond that place; otherwise returns 0. Returns
    /// <see cref="long.MaxValue"/> if that takes unreasonable work, which happens only in version 1; then a person should look.
    /// </summary>
    /// <param name="file">The segment.</param>
    /// <param name="header">
    /// The header of the segment, whose salt keeps bytes of records and of other segments from passing for frames.
    /// </param>
    /// <param name="place">The position at which the sound frames end.</param>
    /// <param name="tail">The part to search, byte by byte since damage may have hit a length. Outside of it there are only zeros.</param>
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
