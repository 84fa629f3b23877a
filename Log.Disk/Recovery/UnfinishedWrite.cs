using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Recovery;

/// <summary>
/// Tells an unfinished write from damage: of an unfinished write something is missing. Sectors come to the device each whole or not
/// at all, a write that fails halfway ends at some byte, and what is missing reads as zeros; so a frame of which every sector
/// holds something, and behind which something stands or nothing needs to, is all there. See FORMAT.md.
/// </summary>
internal static class UnfinishedWrite
{
    /// <summary>The smallest unit that a device writes; a larger one is several of these.</summary>
    private const int SectorBytes = 512;

    /// <summary>Judges the place where the sound frames end, where something follows that is not zeros.</summary>
    /// <param name="file">The segment.</param>
    /// <param name="salts">The segment's.</param>
    /// <param name="position">The place.</param>
    /// <param name="nextOffset">The offset that a frame there must have.</param>
    /// <param name="end">Where the last byte of the file that is not zero ends.</param>
    public static TailVerdict Judge(IStorageFile file, FrameSalts salts, long position, ulong nextOffset, long end)
    {
        var header = new byte[FrameHeader.SizeBytes];
        var isHeader = FrameHeader.TryRead(header.AsSpan(0, file.Read(header, position)), position, salts, out var frame)
            && frame.FirstOffset == nextOffset;
        var frameEnd = position + (isHeader ? frame.FrameBytes : FrameHeader.SizeBytes);
        if (end < frameEnd || LacksSector(file, position, frameEnd))
            return TailVerdict.Torn;
        return isHeader ? TailVerdict.WrongChecksum : TailVerdict.NoFrame;
    }

    // Only the frame's own part of a sector counts: what else stands in it may have come with another write.
    private static bool LacksSector(IStorageFile file, long position, long end)
    {
        var sector = new byte[SectorBytes];
        for (long next; position < end; position = next)
        {
            next = Math.Min((position / SectorBytes * SectorBytes) + SectorBytes, end);
            var part = sector.AsSpan(0, (int)(next - position));
            file.Read(part, position);
            if (!part.ContainsAnyExcept((byte)0))
                return true;
        }

        return false;
    }
}
