using LogKit.Disk.Format;
using LogKit.Disk.Storage;

using static System.FormattableString;

namespace LogKit.Disk.Recovery;

/// <summary>What the bytes behind the sound frames of a segment are.</summary>
internal enum TailVerdict
{
    /// <summary>Zeros, or none.</summary>
    Nothing,

    /// <summary>An append that was never acknowledged: something is missing of its first unsound frame. It may be cut off.</summary>
    Torn,

    /// <summary>Damage: the seal, or a later frame, says that the segment was flushed beyond this place.</summary>
    OnceFlushed,

    /// <summary>What follows would take too much work to judge: a person should look.</summary>
    TooMuch,

    /// <summary>Damage: nothing is missing, and it is no frame of this place.</summary>
    NoFrame,

    /// <summary>Damage: the frame is all there, and is not what was written.</summary>
    WrongChecksum,
}

/// <summary>
/// What follows the sound frames of a segment: nothing but zeros, an append that was never acknowledged, or damage. Opening and
/// verification judge by it alike.
/// </summary>
/// <param name="Verdict">Which of these it is.</param>
/// <param name="Start">Where the first byte that is not zero stands; the end of the frames if there is none.</param>
/// <param name="End">The position after the last such byte.</param>
/// <param name="FlushedPosition">How far the segment is known to have been flushed: beyond the frames' end, it is damage.</param>
internal readonly record struct SegmentTail(TailVerdict Verdict, long Start, long End, long FlushedPosition)
{
    private const int ChunkBytes = 256 * 1024;

    public bool IsEmpty => Start == End;

    /// <summary>What is damaged, in words; null where nothing is, and what there is may be cut off.</summary>
    public string? Problem => Verdict switch
    {
        TailVerdict.OnceFlushed => Invariant($"there is no sound frame, though the segment was flushed up to byte {FlushedPosition}"),
        TailVerdict.TooMuch => "there is no sound frame, and what follows is too much to judge",
        TailVerdict.NoFrame => "there is something that is no frame",
        TailVerdict.WrongChecksum => "the frame is all there, but its checksum does not fit",
        _ => null,
    };

    /// <summary>What is damaged of the last segment of a log, in words; null where nothing is.</summary>
    /// <param name="seal">Its seal, if it has one.</param>
    public string? ProblemOfLast(Seal? seal) =>
        Problem ?? (seal is { IsFollowed: true } ? "it is the last segment, but another followed it: a segment is missing" : null);

    /// <summary>What is damaged of a segment whose frames end before the next segment begins, in words.</summary>
    /// <param name="nextOffset">The offset after its frames.</param>
    /// <param name="nextBaseOffset">Where the next segment begins.</param>
    public string ProblemBefore(ulong nextOffset, ulong nextBaseOffset) => Verdict is TailVerdict.Nothing
        ? Invariant($"it ends before offset {nextOffset}, but the next segment begins at {nextBaseOffset}: a segment is missing")
        : Problem ?? "there is no sound frame";

    /// <summary>What is damaged where a frame reaches into the next segment, in words.</summary>
    public static string ProblemOfOverlap(ulong nextOffset, ulong nextBaseOffset) =>
        Invariant($"a frame goes up to offset {nextOffset}, but the next segment begins at {nextBaseOffset}");

    /// <summary>
    /// Reads the tail and judges it. A proof that the place was flushed, by the seal or by a later frame, comes first; without one it
    /// counts whether something is missing.
    /// </summary>
    /// <param name="file">The segment.</param>
    /// <param name="header">Its identity.</param>
    /// <param name="seal">Its seal, if it has one.</param>
    /// <param name="position">Where the sound frames end.</param>
    /// <param name="nextOffset">The offset after them.</param>
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
