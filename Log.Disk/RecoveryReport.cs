using System.Globalization;
using System.Text;

namespace LogKit.Disk;

/// <summary>What recovery found and did when a log was opened.</summary>
public sealed record RecoveryReport
{
    /// <summary>The range of the log.</summary>
    public required LogRange Range { get; init; }

    /// <summary>The number of segment files found; 0 for a new log.</summary>
    public required int SegmentCount { get; init; }

    /// <summary>
    /// The number of segments of format version 1, which does not identify the log. They disappear as they are truncated.
    /// </summary>
    public int UnidentifiedSegmentCount { get; init; }

    /// <summary>Whether the log was closed cleanly the last time.</summary>
    public required bool WasClosedCleanly { get; init; }

    /// <summary>The number of bytes of an unfinished, unacknowledged append that were cut off.</summary>
    public long CutBytes { get; init; }

    /// <summary>The number of segment files deleted because an earlier truncation had not deleted them.</summary>
    public int RemovedSegmentCount { get; init; }

    /// <summary>The duration of the opening, in milliseconds.</summary>
    public double DurationMs { get; init; }

    /// <summary>The report in one line, for a journal.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(SegmentCount == 0 ? "a new log" : WasClosedCleanly ? "closed cleanly" : "not closed cleanly, recovered");
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
