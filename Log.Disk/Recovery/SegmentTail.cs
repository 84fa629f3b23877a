using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Recovery;

/// <summary>
/// What follows the sound frames of a segment: nothing but zeros, an append that was never acknowledged, or something that was once
/// flushed and is damaged.
/// </summary>
/// <param name="Start">Where the first byte that is not zero stands; the end of the frames if there is none.</param>
/// <param name="End">The position after the last such byte.</param>
/// <param name="FlushedPosition">How far the segment is known to have been flushed: beyond the frames' end, it is damage.</param>
internal readonly record struct SegmentTail(long Start, long End, long FlushedPosition)
{
    private const int ChunkBytes = 256 * 1024;

    public bool IsEmpty => Start == End;

    /// <summary>Reads the tail. The seal, and any later frame, tell up to where the segment was flushed.</summary>
    public static SegmentTail Read(IStorageFile file, SegmentHeader header, Seal? seal, long position)
    {
        var (start, end) = NonZeroPart(file, position);
        var flushed = seal?.Position ?? 0;
        if (flushed <= position && start < end)
            flushed = Math.Max(flushed, LaterFrames.HighestFlushedPosition(file, header, position, (start, end)));
        return new SegmentTail(start, end, flushed);
    }

    /// <summary>Whether a file ends, or holds only zeros, from a position on.</summary>
    public static bool IsZero(IStorageFile file, long position) => NonZeroPart(file, position) is var (start, end) && start == end;

    private static (long Start, long End) NonZeroPart(IStorageFile file, long from)
    {
        var part = (Start: from, End: from);
        var buffer = new byte[ChunkBytes];
        for (var position = from; file.Read(buffer, position) is var read && read > 0; position += read)
        {
            var bytes = buffer.AsSpan(0, read);
            if (bytes.IndexOfAnyExcept((byte)0) is var first && first < 0)
                continue;
            part = (part.Start == part.End ? position + first : part.Start, position + bytes.LastIndexOfAnyExcept((byte)0) + 1);
        }

        return part;
    }
}
