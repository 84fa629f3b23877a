// The results of inspecting the files of a log, as plain values.

using static System.FormattableString;

namespace LogKit.Disk.Inspection;

/// <summary>Damage at one place of a log.</summary>
/// <param name="Kind">What the damage means for the records.</param>
/// <param name="File">The name of the file.</param>
/// <param name="Position">The position in the file, in bytes.</param>
/// <param name="Offset">The first affected offset; null if none is affected, or it is not known.</param>
/// <param name="Problem">A description of the problem.</param>
public sealed record LogDamage(DamageKind Kind, string File, long Position, ulong? Offset, string Problem)
{
    /// <summary>The position and the problem, in one line.</summary>
    public override string ToString() =>
        Invariant($"DAMAGED at byte {Position}{(Offset is { } offset ? Invariant($" (offset {offset})") : "")}: {Problem}");
}

/// <summary>What damage means for the records of a log.</summary>
public enum DamageKind
{
    /// <summary>Records are damaged or missing. A repair cuts the log before them.</summary>
    Records,

    /// <summary>
    /// Something around the frames is damaged: the seal, the zeros of a header, or what follows the last frame. No record is affected.
    /// </summary>
    Margin,

    /// <summary>The file <c>START</c> is damaged or inconsistent, so it is not known what was truncated.</summary>
    Start,

    /// <summary>The file has a format version that this program does not support. It may be sound.</summary>
    ForeignVersion,

    /// <summary>The file, or a part of it, cannot be read. It may be sound.</summary>
    Unreadable,

    /// <summary>The name of the file places it in this log, but its content belongs elsewhere or to another log.</summary>
    Misplaced,
}

/// <summary>The result of inspecting one segment.</summary>
public sealed record SegmentReport
{
    /// <summary>The name of the file.</summary>
    public required string File { get; init; }

    /// <summary>The offset of the first record.</summary>
    public required ulong BaseOffset { get; init; }

    /// <summary>The offset after the last record of the sound frames.</summary>
    public required ulong NextOffset { get; init; }

    /// <summary>The number of sound frames before the first one that is not sound.</summary>
    public long FrameCount { get; init; }

    /// <summary>The position at which the sound frames end, in bytes.</summary>
    public long EndPosition { get; init; }

    /// <summary>The length of the file, in bytes.</summary>
    public long LengthBytes { get; init; }

    /// <summary>Whether the seal matches the end of the frames, as after a roll or a close.</summary>
    public bool IsSealed { get; init; }

    /// <summary>The size of an unfinished append, which was never acknowledged. Opening cuts it off. Not damage.</summary>
    public long UnfinishedBytes { get; init; }

    /// <summary>Whether the segment lies before the start of the log. Opening deletes it, so it was not checked. Not damage.</summary>
    public bool IsTruncated { get; init; }

    /// <summary>
    /// Whether the segment follows one whose end was lost before it was flushed, as is possible without <see cref="FlushMode.Always"/>.
    /// Opening deletes it, so it was not checked. Not damage.
    /// </summary>
    public bool IsUnflushed { get; init; }

    /// <summary>The first damage to records, or else the first other damage; null if there is none.</summary>
    public LogDamage? Damage { get; init; }

    /// <summary>The number of records in the sound frames.</summary>
    public ulong RecordCount => NextOffset - BaseOffset;

    /// <summary>Whether the log ends here although more segments follow: see <see cref="IsUnflushed"/>.</summary>
    internal bool IsEndOfLog { get; init; }

    /// <summary>The highest next offset that anything sound in the file, including the seal, attests.</summary>
    internal ulong ToldNextOffset { get; init; }
}

/// <summary>A frame of a segment whose checksum matches.</summary>
/// <param name="File">The name of the segment.</param>
/// <param name="Position">The position of the frame in the file, in bytes.</param>
/// <param name="FirstOffset">The offset of the first record.</param>
/// <param name="RecordCount">The number of records.</param>
/// <param name="PayloadBytes">The length of the batch's encoding, in bytes.</param>
/// <param name="FlushedPosition">The position up to which the file was flushed when the frame was written.</param>
public readonly record struct FrameReport(
    string File, long Position, ulong FirstOffset, int RecordCount, int PayloadBytes, long FlushedPosition);

/// <summary>An entry of a dump: exactly one of the three is set.</summary>
/// <param name="Frame">A sound frame.</param>
/// <param name="Damage">Damage.</param>
/// <param name="Unfinished">A segment that ends with an unfinished append, which was never acknowledged.</param>
public sealed record DumpEntry(FrameReport? Frame = null, LogDamage? Damage = null, SegmentReport? Unfinished = null);

/// <summary>The progress of a verification.</summary>
/// <param name="CheckedBytes">The number of bytes read.</param>
/// <param name="TotalBytes">The number of bytes to read.</param>
public readonly record struct VerificationProgress(long CheckedBytes, long TotalBytes);

/// <summary>The result of a verification.</summary>
public sealed record LogVerification
{
    /// <summary>The range of the log. If the log is damaged, from its start to the end of the last sound frame.</summary>
    public required LogRange Range { get; init; }

    /// <summary>The segments, in the order of the log.</summary>
    public required IReadOnlyList<SegmentReport> Segments { get; init; }

    /// <summary>Damage to the log as a whole rather than to a segment: to its start, or missing or misplaced files.</summary>
    public required IReadOnlyList<LogDamage> StartDamages { get; init; }

    /// <summary>All damage: first of the log as a whole, then of the segments in order.</summary>
    public IEnumerable<LogDamage> Damages => StartDamages.Concat(Segments.Select(segment => segment.Damage).OfType<LogDamage>());

    /// <summary>Whether there is no damage.</summary>
    public bool IsSound => !Damages.Any();
}
