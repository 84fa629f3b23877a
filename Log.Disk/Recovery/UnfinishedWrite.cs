using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Recovery;

/// <summary>
/// Distinguishes an unfinished write from damage: part of an unfinished write is missing. Each sector reaches the device as a whole or not
/// at all, a partial write ends at some byte, and missing bytes read as zeros. So a frame is complete if each of its sectors contains a
/// nonzero byte and the file does not end within it. See FORMAT.md.
/// </summary>
internal static class UnfinishedWrite
{
    /// <summary>The smallest unit that a device writes. Larger units are multiples of it.</summary>
    private const int SectorBytes = 512;

    /// <summary>Diagnoses the position at which the sound frames end, if nonzero bytes follow.</summary>
    /// <param name="file">The segment.</param>
    /// <param name="salts">The salts of the segment.</param>
    /// <param name="position">The position.</param>
    /// <param name="nextOffset">The offset that a frame at the position must have.</param>
    /// <param name="end">The position after the last nonzero byte of the file.</param>
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

    // Only the frame's own part of a sector counts. The rest may come from another write.
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
