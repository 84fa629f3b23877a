namespace LogKit.Server;

/// <summary>Settings that more than one backend reads.</summary>
public static class CommonSettings
{
    /// <summary>The number of milliseconds in an hour.</summary>
    internal const long HourMs = 60 * 60 * 1000;

    /// <summary>The smallest segment of the disk log, in bytes. The retention limit is at least two segments.</summary>
    internal const int MinSegmentBytes = 64 * 1024;

    /// <summary>
    /// The largest batch that the log accepts, in bytes. A backend that reads it has the server check that <c>Log:MessageLimitBytes</c> has
    /// room for such a batch.
    /// </summary>
    public static Setting<int> BatchLimitBytes { get; } =
        Setting.Number(
            "BatchLimitBytes", "the largest batch that the log accepts, in bytes", 1024, 8 * 1024 * 1024, RecordBatch.DefaultLimitBytes);

    /// <summary>How large the log may grow, in bytes, before its oldest records are removed; null for no limit.</summary>
    public static Setting<long?> RetentionLimitBytes { get; } =
        Setting.OptionalNumber(
            "RetentionLimitBytes",
            "the largest size of the log, in bytes: beyond it, the oldest records are removed",
            2 * MinSegmentBytes,
            long.MaxValue,
            "none, or a number from twice the size of a segment on");

    /// <summary>How long records are kept at least, in hours, before they are removed; null for no limit.</summary>
    public static Setting<long?> RetentionLimitHours { get; } =
        Setting.OptionalNumber("RetentionLimitHours", "the minimum time for which records are kept, in hours", 1, 876_000);
}
