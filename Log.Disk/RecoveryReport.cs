using System.Globalization;
using System.Text;

namespace LogKit.Disk;

/// <summary>What was found when a log was opened, and what was done about it.</summary>
public sealed record RecoveryReport
{
    /// <summary>What the log holds.</summary>
    public required LogRange Range { get; init; }

    /// <summary>How many segment files there were; 0 for a new log.</summary>
    public required int SegmentCount { get; init; }

    /// <summary>
    /// How many of them are of format version 1, which does not say which log a segment belongs to. They are gone once they are truncated.
    /// </summary>
    public int UnidentifiedSegmentCount { get; init; }

    /// <summary>Whether the log was closed in order the last time.</summary>
    public required bool WasClosedCleanly { get; init; }

    /// <summary>How many bytes of an unfinished append, never acknowledged, were cut off its end.</summary>
    public long CutBytes { get; init; }

    /// <summary>How many segment files were removed because truncation had not got to them.</summary>
    public int RemovedSegmentCount { get; init; }

    /// <summary>How long opening took, in milliseconds.</summary>
    public double DurationMs { get; init; }

    /// <summary>The report as a sentence, for a journal.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(SegmentCount == 0 ? "a new log" : WasClosedCleanly ? "closed cleanly" : "not closed the last time, recovered");
        text.Append(CultureInfo.InvariantCulture, $", range {Range}");
        if (SegmentCount > 0)
            text.Append(CultureInfo.InvariantCulture, $", segments: {SegmentCount}");
        if (UnidentifiedSegmentCount > 0)
            text.Append(
                CultureInfo.InvariantCulture,
                $" ({UnidentifiedSegmentCount} of format version 1, which don't say which log they belong to)");
        if (CutBytes > 0)
            text.Append(CultureInfo.InvariantCulture, $", cut off {CutBytes} bytes of an unacknowledged append");
        if (RemovedSegmentCount > 0)
            text.Append(CultureInfo.InvariantCulture, $", removed {RemovedSegmentCount} truncated segments");
        return text.Append(CultureInfo.InvariantCulture, $", in {DurationMs:0.0} ms").ToString();
    }
}
