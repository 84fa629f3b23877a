using LogKit.Disk.Format;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Recovery;

/// <summary>Searches the segments after one whose end is missing for a proof that the end once existed.</summary>
/// <remarks>
/// A segment is flushed only after all earlier segments. So a segment that is sealed, has a frame with a flushed position, or was created
/// when everything before was flushed proves that what is missing was lost by damage. Without such a proof, a power failure explains the
/// loss: the flush mode acknowledges appends before they are flushed.
/// </remarks>
internal static class LaterSegments
{
    /// <summary>Whether one of the segments proves that everything before it was flushed.</summary>
    public static bool ProveFlush(IStorage storage, IEnumerable<ulong> baseOffsets)
    {
        return baseOffsets.Any(Proves);

        bool Proves(ulong baseOffset)
        {
            using var file = storage.Open(SegmentName.Of(baseOffset), canWrite: false);
            if (SegmentHeader.Read(file, baseOffset, new byte[SegmentHeader.SizeBytes], out var header, out var seal) is not null)
                return true; // a header is flushed before the file gets its name, so an unreadable one is damage
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
