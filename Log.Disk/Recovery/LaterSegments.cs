using LogKit.Disk.Format;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Recovery;

/// <summary>Looks into the segments behind one whose end is not there, for a proof that it once was.</summary>
/// <remarks>
/// A segment is flushed only when all before it are. So what is sealed, or has a frame that tells of a flush, or was made when
/// everything before was flushed, proves that what is missing before it was lost by damage. Where nothing does, a power loss is
/// enough to explain it: appends were acknowledged before they were flushed, as they were asked to be.
/// </remarks>
internal static class LaterSegments
{
    /// <summary>Whether one of the segments proves that what was before it had been flushed.</summary>
    public static bool ProveFlush(IStorage storage, IEnumerable<ulong> baseOffsets)
    {
        return baseOffsets.Any(Proves);

        bool Proves(ulong baseOffset)
        {
            using var file = storage.Open(SegmentName.Of(baseOffset), canWrite: false);
            if (SegmentHeader.Read(file, baseOffset, new byte[SegmentHeader.SizeBytes], out var header, out var seal) is not null)
                return true; // a header is flushed before the file gets its name, so this is damage
            if (seal is not null || header.Origin is not { IsAfterUnflushed: true })
                return true;
            var frames = new FrameReader(file, header, file.Length);
            while (frames.TryRead())
            {
                if (frames.Frame.FlushedPosition > SegmentHeader.SizeBytes)
                    return true;
            }

            return false;
        }
    }
}
