using LogKit.Disk.Segments;

namespace LogKit.Disk;

/// <summary>What of a log is to be kept, by its size and its age. Whole segments, the oldest first; the last one stays.</summary>
internal static class Retention
{
    /// <summary>The offset that the log is to begin at.</summary>
    /// <param name="view">What there is.</param>
    /// <param name="options">What is to be kept.</param>
    /// <param name="isRolling">Whether there has to be room for one more segment.</param>
    public static ulong StartOf(View view, DiskLogOptions options, bool isRolling)
    {
        var last = view.Segments.Length - 1;
        var first = 0;
        if (options.RetentionLimitMs is not null)
        {
            for (var i = last; i > 0 && first == 0; i--)
                first = IsOld(view.Segments[i], options) ? i : 0; // whatever is before it is older
        }

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

    /// <summary>Whether a segment was begun longer ago than records are kept. One whose age is not known is young.</summary>
    public static bool IsOld(Segment segment, DiskLogOptions options) =>
        options.RetentionLimitMs is { } limit && segment.Header.Origin is { } origin
        && options.Clock.GetUtcNow().ToUnixTimeMilliseconds() - origin.CreatedMs >= limit;
}
