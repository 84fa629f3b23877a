using LogKit.Disk.Segments;

namespace LogKit.Disk.Retaining;

/// <summary>What of a log is to be kept, by its size and its age. Whole segments, the oldest first; the last one stays.</summary>
internal static class RetentionPolicy
{
    /// <summary>The offset that the log is to begin at.</summary>
    /// <param name="view">What there is.</param>
    /// <param name="options">What is to be kept.</param>
    /// <param name="clock">Tells the time.</param>
    /// <param name="isRolling">Whether there has to be room for one more segment.</param>
    public static ulong StartOf(LogView view, DiskLogOptions options, RetentionClock clock, bool isRolling)
    {
        var last = view.Segments.Length - 1;
        var first = 0;
        if (options.RetentionLimitMs is { } limitMs)
            first = Math.Max(0, Array.FindLastIndex(BeginningsMs(view.Segments, clock, limitMs), began => IsOld(began, clock, limitMs)));

        if (options.RetentionLimitBytes is { } limit)
        {
            var bytes = options.SegmentLimitBytes; // what the one that is written to may come to
            var fits = isRolling ? view.Segments.Length : last;
            while (fits > 0 && (bytes += view.Segments[fits - 1].End) <= limit)
                fits--;
            first = Math.Max(first, Math.Min(fits, last));
        }

        return view.Segments[first].BaseOffset;
    }

    /// <summary>Whether the last segment was begun longer ago than records are kept. One whose age is not known is young.</summary>
    public static bool IsLastOld(LogView view, DiskLogOptions options, RetentionClock clock) =>
        options.RetentionLimitMs is { } limitMs && IsOld(BeginningsMs(view.Segments, clock, limitMs)[^1], clock, limitMs);

    private static bool IsOld(long? beganMs, RetentionClock clock, long limitMs) => beganMs is { } began && clock.NowMs - began >= limitMs;

    /// <summary>
    /// When each segment was begun, at the latest, which is when all records before it had been appended; null if nothing that can be
    /// believed says so.
    /// </summary>
    /// <remarks>
    /// <para>A segment's own word is taken with care. A time that has not come yet is not believed. Neither is one before that of an
    /// earlier segment: the clock was behind. And a clock that was found to have been set, or a gap that is longer than records are kept
    /// (which an open log never leaves, as it ends segments by their age), makes all that was told before worthless: what is before such
    /// a place ages from there.</para>
    /// <para>So nothing goes early, whatever the clock did; and once it is right, nothing stays for more than one limit longer.</para>
    /// </remarks>
    private static long?[] BeginningsMs(Segment[] segments, RetentionClock clock, long limitMs)
    {
        var now = clock.NowMs;
        var (beginnings, isAfterGap) = Believed(segments, now, limitMs);
        var floor = clock.ChangedAtMs is { } changed ? Math.Min(changed, now) : (long?)null; // what is before ages from there
        var next = floor; // the beginning of the nearest later segment that can be believed
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
                Array.Fill(beginnings, null, 0, i); // and nothing says when that was
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
