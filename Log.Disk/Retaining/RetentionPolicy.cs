using LogKit.Disk.Segments;

namespace LogKit.Disk.Retaining;

/// <summary>
/// Decides which segments of a log to keep, by size and age. Deletes whole segments, oldest first, but never the last one.
/// </summary>
internal static class RetentionPolicy
{
    /// <summary>Computes the offset at which the log should start.</summary>
    /// <param name="view">The log.</param>
    /// <param name="options">The limits.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="isRolling">Whether to leave room for another segment.</param>
    public static ulong StartOf(LogView view, DiskLogOptions options, RetentionClock clock, bool isRolling)
    {
        var last = view.Segments.Length - 1;
        var first = 0;
        if (options.RetentionLimitMs is { } limitMs)
            first = Math.Max(0, Array.FindLastIndex(BeginningsMs(view.Segments, clock, limitMs), began => IsOld(began, clock, limitMs)));

        if (options.RetentionLimitBytes is { } limit)
        {
            var bytes = options.SegmentLimitBytes; // the last segment may grow to this
            var fits = isRolling ? view.Segments.Length : last;
            while (fits > 0 && (bytes += view.Segments[fits - 1].End) <= limit)
                fits--;
            first = Math.Max(first, Math.Min(fits, last));
        }

        return view.Segments[first].BaseOffset;
    }

    /// <summary>
    /// Whether the last segment was created longer ago than records are kept. If its age is not known, it is considered young.
    /// </summary>
    public static bool IsLastOld(LogView view, DiskLogOptions options, RetentionClock clock) =>
        options.RetentionLimitMs is { } limitMs && IsOld(BeginningsMs(view.Segments, clock, limitMs)[^1], clock, limitMs);

    private static bool IsOld(long? beganMs, RetentionClock clock, long limitMs) => beganMs is { } began && clock.NowMs - began >= limitMs;

    /// <summary>
    /// The latest time at which each segment can have been created, and so at which all earlier records had been appended; null if nothing
    /// trustworthy says so.
    /// </summary>
    /// <remarks>
    /// <para>The recorded time of a segment is not always right. A time in the future is ignored. So is a time before that of an earlier
    /// segment, since the clock was slow then. If the clock was found to have been set, or if there is a gap longer than the retention
    /// limit (which an open log never leaves, because it rolls by age), the times before are worthless, and everything before that point
    /// ages from there.</para> <para>So no record is deleted early, whatever the clock did. Once the clock is right, no record is kept for
    /// more than one limit longer.</para>
    /// </remarks>
    private static long?[] BeginningsMs(Segment[] segments, RetentionClock clock, long limitMs)
    {
        var now = clock.NowMs;
        var (beginnings, isAfterGap) = Believed(segments, now, limitMs);
        var floor = clock.ChangedAtMs is { } changed ? Math.Min(changed, now) : (long?)null; // everything before ages from there
        var next = floor; // the trustworthy time of the nearest later segment
        for (var i = segments.Length - 1; i >= 0; i--)
        {
            if (beginnings[i] is { } began)
                beginnings[i] = next = floor > began ? floor : began;
            if (isAfterGap[i])
                floor = next;
            if (segments[i].Header.Origin is not { IsAfterClockChange: true })
                continue;
            if (next is null)
            {
                Array.Fill(beginnings, null, 0, i); // and the time of the change is not known
                break;
            }

            floor = next;
        }

        return beginnings;
    }

    private static (long?[] Beginnings, bool[] IsAfterGap) Believed(Segment[] segments, long now, long limitMs)
    {
        var beginnings = new long?[segments.Length];
        var isAfterGap = new bool[segments.Length];
        long? latest = null;
        for (var i = 0; i < segments.Length; i++)
        {
            if (segments[i].Header.Origin is not { CreatedMs: var created } || created > now || created < latest)
                continue;
            isAfterGap[i] = (created - latest) / 2 > limitMs;
            beginnings[i] = latest = created;
        }

        return (beginnings, isAfterGap);
    }
}
