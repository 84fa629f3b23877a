using LogKit.Disk.Format;
using LogKit.Disk.Segments;

namespace LogKit.Disk;

/// <summary>Options for a <see cref="DiskLog"/>. With the defaults, no acknowledged record is lost, even in a power failure.</summary>
public sealed record DiskLogOptions
{
    /// <summary>When appends are flushed to the device.</summary>
    public FlushMode FlushMode { get; init; } = FlushMode.Always;

    /// <summary>
    /// For <see cref="FlushMode.Interval"/>: the longest time, in milliseconds, before appended data is flushed.
    /// </summary>
    public int FlushIntervalMs { get; init; } = 100;

    /// <summary>The limit on the size of a batch, in bytes of its encoding. At most 1 GiB.</summary>
    public int BatchLimitBytes { get; init; } = RecordBatch.DefaultLimitBytes;

    /// <summary>
    /// The limit on the size of a segment, in bytes, which only a single large batch exceeds. From 64 KiB to 1 GiB. Opening the log reads
    /// the last segment; retention and truncation delete whole segments.
    /// </summary>
    public long SegmentLimitBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>
    /// The most disk space that the segments of the log may use, in bytes. At least twice <see cref="SegmentLimitBytes"/>. Before a new
    /// segment would exceed the limit, the oldest are deleted. Indexes use about 0.05 % more. Null, the default, means no limit.
    /// </summary>
    public long? RetentionLimitBytes { get; init; }

    /// <summary>
    /// How long records are kept at least, in milliseconds. After that, a record is deleted with its segment. A new segment starts when the
    /// last one is this old, so records are kept for at most about twice the time. Null, the default, means forever.
    /// </summary>
    public long? RetentionLimitMs { get; init; }

    /// <summary>How far ahead of the frames space is reserved, in bytes. Tests on small disks set less.</summary>
    internal int? ReserveBytes { get; init; }

    /// <summary>The clock that determines the age of segments.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>How many blocks of records are kept for later reads.</summary>
    internal int CachedBlocks { get; init; } = BlockCache.ManyBlocks;

    /// <summary>How background work is run. Tests replace it to make the order deterministic.</summary>
    internal Action<Action> Background { get; init; } =
        static work => ThreadPool.UnsafeQueueUserWorkItem(static work => work(), work, preferLocal: false);

    // Writing zeros ahead makes flushes cheap. If nobody waits for flushes, it only doubles the writes.
    internal ReservePolicy Reserve => FlushMode == FlushMode.Always
        ? new(ReserveBytes ?? 1024 * 1024, IsWritten: true, SegmentLimitBytes)
        : new(ReserveBytes ?? 8 * 1024 * 1024, IsWritten: false, SegmentLimitBytes);

    internal void Validate()
    {
        if (!Enum.IsDefined(FlushMode))
            throw new ArgumentOutOfRangeException(nameof(FlushMode), FlushMode, "must be a flush mode");
        ArgumentOutOfRangeException.ThrowIfLessThan(FlushIntervalMs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(BatchLimitBytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(BatchLimitBytes, FrameHeader.PayloadLimitBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(SegmentLimitBytes, 64 * 1024);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(SegmentLimitBytes, 1024 * 1024 * 1024);
        ArgumentOutOfRangeException.ThrowIfLessThan(
            RetentionLimitBytes ?? long.MaxValue, 2 * SegmentLimitBytes, nameof(RetentionLimitBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(RetentionLimitMs ?? long.MaxValue, 1000, nameof(RetentionLimitMs));
    }
}

/// <summary>When appends are flushed to the device, and so which failures an acknowledged record survives.</summary>
public enum FlushMode
{
    /// <summary>Before the append is acknowledged. The record survives a power failure.</summary>
    Always,

    /// <summary>At an interval. The record survives the end of the process; a power failure loses at most one interval.</summary>
    Interval,

    /// <summary>
    /// When the operating system decides, and soon after a segment is full. The record survives only the end of the process.
    /// </summary>
    Never,
}
