// The failures of a log, one class per cause. Their messages are part of the contract: the service sends them to clients unchanged.

using static System.FormattableString;

namespace LogKit;

/// <summary>
/// An operation of a log failed. The derived class says why. Only after <see cref="AppendOutcomeUnknownException"/> may a batch have been
/// stored.
/// </summary>
public class LogException(string message, Exception? innerException = null) : Exception(message, innerException);

/// <summary>The requested offset is not in the log: it is not appended yet, or has been truncated.</summary>
/// <param name="offset">The requested offset.</param>
/// <param name="range">The range of the log at an instant during the call.</param>
public sealed class OffsetOutOfRangeException(ulong offset, LogRange range) : LogException(offset < range.StartOffset
    ? Invariant($"offset {offset} was truncated: the log holds {range}")
    : Invariant($"offset {offset} is out of range: the log holds {range}"))
{
    /// <summary>The requested offset.</summary>
    public ulong Offset { get; } = offset;

    /// <summary>The range of the log at an instant during the call.</summary>
    public LogRange Range { get; } = range;

    /// <summary>True if the offset was removed by truncation or retention; false if it is past the end.</summary>
    public bool IsTruncated => Offset < Range.StartOffset;
}

/// <summary>The condition of a conditional append was not met. Nothing was stored.</summary>
/// <param name="expectedOffset">The offset that the append expected.</param>
/// <param name="nextOffset">The offset that the batch would have been given.</param>
public sealed class OffsetMismatchException(ulong expectedOffset, ulong nextOffset)
    : LogException(Invariant($"expected offset {expectedOffset}: the next offset is {nextOffset}"))
{
    /// <summary>The offset that the append expected.</summary>
    public ulong ExpectedOffset { get; } = expectedOffset;

    /// <summary>The offset that the batch would have been given.</summary>
    public ulong NextOffset { get; } = nextOffset;
}

/// <summary>A batch exceeds the log's limit. Nothing was stored.</summary>
/// <param name="sizeBytes">The size of the batch's encoding, in bytes.</param>
/// <param name="limitBytes">The limit, in bytes.</param>
public sealed class BatchTooLargeException(long sizeBytes, long limitBytes)
    : ArgumentException(Invariant($"batch is {sizeBytes} bytes: the limit is {limitBytes}"))
{
    /// <summary>The size of the batch's encoding, in bytes.</summary>
    public long SizeBytes { get; } = sizeBytes;

    /// <summary>The limit, in bytes.</summary>
    public long LimitBytes { get; } = limitBytes;
}

/// <summary>
/// The append failed, and the batch may or may not be stored. To find out, append again with an expected offset.
/// </summary>
public sealed class AppendOutcomeUnknownException(string message, Exception? innerException = null) : LogException(message, innerException)
{
    /// <summary>The write itself failed.</summary>
    /// <param name="innerException">The error from the storage.</param>
    public AppendOutcomeUnknownException(Exception? innerException = null)
        : this("the append's outcome is unknown: the log failed while writing it", innerException)
    {
    }
}

/// <summary>An earlier write failed, so the log refuses appends until it is reopened. Durable records can still be read.</summary>
/// <param name="innerException">The failure that made the log read-only.</param>
public sealed class LogReadOnlyException(Exception? innerException = null)
    : LogException("the log is read-only after a write failure", innerException);

/// <summary>There is no space for the append. Nothing was stored and nothing is lost. Appends succeed again once there is space.</summary>
/// <param name="innerException">The error from the storage.</param>
public sealed class LogFullException(Exception? innerException = null)
    : LogException("the disk is full: appends are refused, reads continue", innerException);

/// <summary>The log cannot be reached. An append that fails with this exception stored nothing; a later attempt may succeed.</summary>
public sealed class LogUnavailableException(string message, Exception? innerException = null) : LogException(message, innerException)
{
    /// <summary>The storage of the log cannot be reached.</summary>
    /// <param name="innerException">The error from the storage.</param>
    public LogUnavailableException(Exception? innerException = null)
        : this("the log's storage is unavailable", innerException)
    {
    }
}

/// <summary>The record stored at an offset is damaged. It is reported: it is never returned, and never skipped.</summary>
/// <param name="offset">The offset of the damaged record.</param>
/// <param name="innerException">The location of the damage in the storage.</param>
public sealed class RecordCorruptException(ulong offset, Exception? innerException = null)
    : LogException(Invariant($"the record at offset {offset} is corrupt"), innerException)
{
    /// <summary>The offset of the damaged record.</summary>
    public ulong Offset { get; } = offset;
}
