using LogKit.Disk.Format;
using LogKit.Disk.Storage;

using static System.FormattableString;

namespace LogKit.Disk.Recovery;

/// <summary>A verdict on the bytes after the sound frames of a segment.</summary>
internal enum TailVerdict
{
    /// <summary>There are only zeros, or no bytes.</summary>
    Nothing,

    /// <summary>An append that was never acknowledged: part of its first unsound frame is missing. It may be cut off.</summary>
    Torn,

    /// <summary>Damage: the seal or a later frame proves that the segment was flushed beyond this position.</summary>
    OnceFlushed,

    /// <summary>What follows takes too much work to diagnose. A person should look.</summary>
    TooMuch,

    /// <summary>Damage: nothing is missing, and it is not a frame that belongs here.</summary>
    NoFrame,

    /// <summary>Damage: the frame is complete, but its checksum does not match.</summary>
    WrongChecksum,
}

/// <summary>
/// What follows the sound frames of a segment: only zeros, an append that was never acknowledged, or damage. Opening and verification both
/// use this diagnosis.
/// </summary>
/// <param name="Verdict">Which of these it is.</param>
/// <param name="Start">The position of the first nonzero byte; the end of the frames if there is none.</param>
/// <param name="End">The position after the last nonzero byte.</param>
/// <param name="FlushedPosition">
/// The position up to which the segment is known to have been flushed. If it is beyond the end of the frames, there is damage.
/// </param>
internal readonly record struct SegmentTail(TailVerdict Verdict, long Start, long End, long FlushedPosition)
{
    private const int ChunkBytes = 256 * 1024;

    public bool IsEmpty => Start == End;

    /// <summary>A description of the damage; null if there is none, so that the tail may be cut off.</summary>
    public string? Problem => Verdict switch
    {
        TailVerdict.OnceFlushed => Invariant($"no valid frame, although the segment was flushed up to byte {FlushedPosition}"),
        TailVerdict.TooMuch => "no valid frame, and too much data follows to tell why",
        TailVerdict.NoFrame => "data that is not a frame",
        TailVerdict.WrongChecksum => "the frame is complete, but its checksum does not match",
        _ => null,
    };

    /// <summary>A description of the damage to the last segment of a log; null if there is none.</summary>
    /// <param name="seal">The seal of the segment, if there is one.</param>
    public string? ProblemOfLast(Seal? seal) =>
        Problem ?? (seal is { IsFollowed: true } ? "it is the last segment, but another followed it: a segment is missing" : null);

    /// <summary>A description of the damage to a segment whose frames end before the next segment begins.</summary>
    /// <param name="nextOffset">The offset after the frames.</param>
    /// <param name="nextBaseOffset">The base offset of the next segment.</param>
    public string ProblemBefore(ulong nextOffset, ulong nextBaseOffset) => Verdict is TailVerdict.Nothing
        ? Invariant($"it ends before offset {nextOffset}, but the next segment begins at {nextBaseOffset}: a segment is missing")
        : Problem ?? "there is no sound frame";

    /// <summary>A description of the damage if a frame overlaps the next segment.</summary>
    public static string ProblemOfOverlap(ulong nextOffset, ulong nextBaseOffset) =>
        Invariant($"a frame goes up to offset {nextOffset}, but the next segment begins at {nextBaseOffset}");

    /// <summary>
    /// Reads and diagnoses the tail. If the seal or a later frame proves that the position was flushed, it is damage. Otherwise the
    /// question is whether something is missing.
    /// </summary>
    /// <param name="file">The segment.</param>
    /// <param name="header">The header of the segment.</param>
    /// <param name="seal">The seal of the segment, if there is one.</param>
    /// <param name="position">The position at which the sound frames end.</param>
    /// <param name="nextOffset">The offset after the sound frames.</param>
    public static SegmentTail Read(IStorageFile file, SegmentHeader header, Seal? seal, long position, ulong nextOffset)
    {
        var (start, end) = NonZeroPart(file, position);
        var flushed = seal?.Position ?? 0;
        if (flushed <= position && start < end)
            flushed = Math.Max(flushed, LaterFrames.HighestFlushedPosition(file, header, position, (start, end)));
        var verdict = flushed == long.MaxValue ? TailVerdict.TooMuch
            : flushed > position ? TailVerdict.OnceFlushed
            : start == end ? TailVerdict.Nothing
            : UnfinishedWrite.Judge(file, header.Salts, position, nextOffset, end);
        return new SegmentTail(verdict, start, end, flushed);
    }

    /// <summary>Whether a file has no bytes, or only zeros, from a position on.</summary>
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
