using LogKit.Disk.Format;
using LogKit.Disk.Segments;

namespace LogKit.Disk;

/// <summary>What a <see cref="DiskLog"/> can be told. The defaults lose nothing that was acknowledged, a power cut included.</summary>
public sealed record DiskLogOptions
{
    /// <summary>When an append is flushed to the device.</summary>
    public FlushMode FlushMode { get; init; } = FlushMode.Always;

    /// <summary>
    /// For <see cref="FlushMode.Interval"/>: how much time passes at most, in milliseconds, until what was appended is flushed.
    /// </summary>
    public int FlushIntervalMs { get; init; } = 100;

    /// <summary>The largest batch that an append takes, in bytes of its encoding. At most 1 GiB.</summary>
    public int BatchLimitBytes { get; init; } = RecordBatch.DefaultLimitBytes;

    /// <summary>
    /// The size, in bytes, that a segment does not grow beyond, unless for a single batch. From 64 KiB to 1 GiB. Opening the log
    /// reads the last segment; retention and truncation give back whole segments.
    /// </summary>
    public long SegmentLimitBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>
    /// What the segments of the log may take of the disk, in bytes: at least two of them. Where a new one would make it more, the
    /// oldest are removed first. Indexes take a two-thousandth besides. Null, the default, is no limit.
    /// </summary>
    public long? RetentionLimitBytes { get; init; }

    /// <summary>
    /// How long a record is kept at least, in milliseconds; afterwards it goes with its segment. A segment ends, at the latest, when it
    /// is this old, so nothing is kept for more than about twice the time. Null, the default, is for ever.
    /// </summary>
    public long? RetentionLimitMs { get; init; }

    /// <summary>How far ahead of the frames space is reserved, in bytes; less for tests, whose disks are small.</summary>
    internal int? ReserveBytes { get; init; }

    /// <summary>What tells the age of segments.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>How something is done that nobody waits for; otherwise for tests, in which everything has its order.</summary>
    internal Action<Action> Background { get; init; } =
        static work => ThreadPool.UnsafeQueueUserWorkItem(static work => work(), work, preferLocal: false);

    // Zeros that are written ahead make flushes cheap. Where nobody waits for these, they would only be written twice.
    internal ReservePolicy Reserve => FlushMode == FlushMode.Always
        ? new(ReserveBytes ?? 1024 * 1024, IsWritten: true, SegmentLimitBytes)
        : new(ReserveBytes ?? 8 * 1024 * 1024, IsWritten: false, SegmentLimitBytes);

    internal void Validate()
    {
        if (!Enum.IsDefined(FlushMode))
            throw new ArgumentOutOfRangeException(nameof(FlushMode), FlushMode, "it is not a mode");
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

/// <summary>When an append is flushed to the device, and so what an acknowledgement is worth.</summary>
public enum FlushMode
{
    /// <summary>Before it is acknowledged: it survives a power cut.</summary>
    Always,

    /// <summary>Within an interval: it survives the end of the process, and a power cut loses at most an interval.</summary>
    Interval,

    /// <summary>When the operating system thinks fit, and soon after a segment is full: it survives the end of the process only.</summary>
    Never,
}
