using LogKit.Disk.Segments;

namespace LogKit.Disk;

/// <summary>Options for a <see cref="DiskLogStore"/>.</summary>
public sealed record DiskLogStoreOptions
{
    /// <summary>
    /// The options of every log. Its limits on retention are the defaults for logs whose settings have none. A log whose retention is less
    /// than four segments has smaller segments.
    /// </summary>
    public DiskLogOptions Log { get; init; } = new();

    /// <summary>The limit on the number of logs, including the default log.</summary>
    public int LogLimit { get; init; } = 10_000;

    /// <summary>
    /// How many logs are open at a time: each takes some file handles, some memory, and a timer. If more are needed, the least recently
    /// used ones are closed, except those with calls in flight.
    /// </summary>
    public int OpenLogLimit { get; init; } = 256;

    /// <summary>After how many milliseconds without a call a log is closed. Pending waits do not keep it open.</summary>
    public int IdleLimitMs { get; init; } = 60_000;

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Log);
        Log.Validate();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(LogLimit);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(OpenLogLimit);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(IdleLimitMs);
    }

    /// <summary>The options of a log with these settings.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of range.</exception>
    internal DiskLogOptions Of(LogSettings settings)
    {
        const long SmallestSegment = 64 * 1024;
        ArgumentOutOfRangeException.ThrowIfLessThan(
            settings.RetentionLimitBytes ?? long.MaxValue, 2 * SmallestSegment, nameof(settings.RetentionLimitBytes));
        var options = Log with
        {
            RetentionLimitBytes = settings.RetentionLimitBytes ?? Log.RetentionLimitBytes,
            RetentionLimitMs = settings.RetentionLimitMs ?? Log.RetentionLimitMs,
            SegmentLimitBytes = settings.RetentionLimitBytes is { } limit
                ? Math.Min(Log.SegmentLimitBytes, Math.Max(SmallestSegment, limit / 4))
                : Log.SegmentLimitBytes,
            CachedBlocks = BlockCache.FewBlocks,
        };
        options.Validate();
        return options;
    }
}
