// What an inspection of a log's files finds, in plain values: for a command to print, or a program to act on.

using static System.FormattableString;

namespace LogKit.Disk.Inspection;

/// <summary>What is wrong at one place of a log.</summary>
/// <param name="Kind">What it means for the records.</param>
/// <param name="File">The name of the file.</param>
/// <param name="Position">Where in the file, in bytes.</param>
/// <param name="Offset">The first offset that is affected; null where none is, or none is known.</param>
/// <param name="Problem">What is wrong, in words.</param>
public sealed record LogDamage(DamageKind Kind, string File, long Position, ulong? Offset, string Problem)
{
    /// <summary>The place and the problem as a sentence.</summary>
    public override string ToString() =>
        Invariant($"DAMAGED at byte {Position}{(Offset is { } offset ? Invariant($" (offset {offset})") : "")}: {Problem}");
}

/// <summary>What a damage means for the records of a log.</summary>
public enum DamageKind
{
    /// <summary>Records are damaged or missing: the log ends before them, for whoever wants to go on with it.</summary>
    Records,

    /// <summary>
    /// What stands around the frames is damaged (the seal, the zeros of a header, what follows the last frame): no record is.
    /// </summary>
    Margin,

    /// <summary>The file <c>START</c> is damaged, or says what cannot be: it is not known what was truncated.</summary>
    Start,

    /// <summary>The file is of a format version that this program does not read. It may be sound.</summary>
    ForeignVersion,

    /// <summary>The system does not give the file, or a part of it. It may be sound.</summary>
    Unreadable,

    /// <summary>The file has a place in the log by its name, and by its content belongs elsewhere, or to another log.</summary>
    Misplaced,
}

/// <summary>One segment, as its bytes say.</summary>
public sealed record SegmentReport
{
    /// <summary>The name of the file.</summary>
    public required string File { get; init; }

    /// <summary>The offset of the first record.</summary>
    public required ulong BaseOffset { get; init; }

    /// <summary>The offset after the last record of the sound frames.</summary>
    public required ulong NextOffset { get; init; }

    /// <summary>How many sound frames there are, up to the first that is not.</summary>
    public long FrameCount { get; init; }

    /// <summary>Where the sound frames end, in bytes.</summary>
    public long EndPosition { get; init; }

    /// <summary>The length of the file, in bytes.</summary>
    public long LengthBytes { get; init; }

    /// <summary>Whether the seal stands at the end of the frames, as a roll or a close leaves it.</summary>
    public bool IsSealed { get; init; }

    /// <summary>The bytes of an unfinished append, which nobody was told of: opening cuts them off. No damage.</summary>
    public long UnfinishedBytes { get; init; }

    /// <summary>Whether the segment lies before the log's start: opening removes it, so it was not checked. No damage.</summary>
    public bool IsTruncated { get; init; }

    /// <summary>
    /// Whether the segment lies after one whose end was lost before it was flushed, as it may be without <see cref="FlushMode.Always"/>:
    /// opening removes it, so it was not checked. No damage.
    /// </summary>
    public bool IsUnflushed { get; init; }

    /// <summary>The first thing that is wrong, where records are damaged these; null if nothing is.</summary>
    public LogDamage? Damage { get; init; }

    /// <summary>How many records the sound frames hold.</summary>
    public ulong RecordCount => NextOffset - BaseOffset;

    /// <summary>Whether the log ends here although there are more segments: see <see cref="IsUnflushed"/>.</summary>
    internal bool IsEndOfLog { get; init; }

    /// <summary>The highest offset that anything sound in the file, the seal included, says the segment came to.</summary>
    internal ulong ToldNextOffset { get; init; }
}

/// <summary>One frame of a segment, whose checksum fits.</summary>
/// <param name="File">The name of the segment.</param>
/// <param name="Position">Where in the file the frame begins, in bytes.</param>
/// <param name="FirstOffset">The offset of its first record.</param>
/// <param name="RecordCount">How many records it holds.</param>
/// <param name="PayloadBytes">The length of its batch's encoding.</param>
/// <param name="FlushedPosition">Up to where the file was flushed when the frame was written.</param>
public readonly record struct FrameReport(
    string File, long Position, ulong FirstOffset, int RecordCount, int PayloadBytes, long FlushedPosition);

/// <summary>One thing that a dump comes across, in the order of the log: exactly one of the three.</summary>
/// <param name="Frame">A sound frame.</param>
/// <param name="Damage">Something damaged.</param>
/// <param name="Unfinished">A segment that ends with an append that nobody was told of.</param>
public sealed record DumpEntry(FrameReport? Frame = null, LogDamage? Damage = null, SegmentReport? Unfinished = null);

/// <summary>How far a verification has come.</summary>
/// <param name="CheckedBytes">What was read.</param>
/// <param name="TotalBytes">What there is to read.</param>
public readonly record struct VerificationProgress(long CheckedBytes, long TotalBytes);

/// <summary>What a verification found.</summary>
public sealed record LogVerification
{
    /// <summary>What the log holds; where it is damaged, from its start to the end of the last sound frame.</summary>
    public required LogRange Range { get; init; }

    /// <summary>The segments, in the order of the log.</summary>
    public required IReadOnlyList<SegmentReport> Segments { get; init; }

    /// <summary>What is wrong with the log as a whole, and with none of its segments: its start, missing or misplaced files.</summary>
    public required IReadOnlyList<LogDamage> StartDamages { get; init; }

    /// <summary>All that is wrong: the start, then the segments in their order.</summary>
    public IEnumerable<LogDamage> Damages => StartDamages.Concat(Segments.Select(segment => segment.Damage).OfType<LogDamage>());

    /// <summary>Whether nothing is wrong.</summary>
    public bool IsSound => !Damages.Any();
}
