// The failures of a log, one class a cause. Their messages are part of the contract: they travel over the wire as they are.

using static System.FormattableString;

namespace LogKit;

/// <summary>A log could not do what was asked. Its kinds say why; <see cref="AppendOutcomeUnknownException"/> is the only one after
/// which something may have been stored.</summary>
public class LogException(string message, Exception? innerException = null) : Exception(message, innerException);

/// <summary>The offset asked for is not in the log: not appended yet, or truncated away.</summary>
/// <param name="offset">The offset asked for.</param>
/// <param name="range">What the log held at an instant during the call.</param>
public sealed class OffsetOutOfRangeException(ulong offset, LogRange range) : LogException(offset < range.StartOffset
    ? Invariant($"offset {offset} was truncated: the log holds {range}")
    : Invariant($"offset {offset} is out of range: the log holds {range}"))
{
    /// <summary>The offset asked for.</summary>
    public ulong Offset { get; } = offset;

    /// <summary>What the log held at an instant during the call.</summary>
    public LogRange Range { get; } = range;

    /// <summary>True when the offset was given up by truncation or retention; false when it lies past the end.</summary>
    public bool IsTruncated => Offset < Range.StartOffset;
}

/// <summary>A conditional append did not meet its condition. Nothing was stored.</summary>
/// <param name="expectedOffset">The offset that the append demanded.</param>
/// <param name="nextOffset">The offset that it would have got.</param>
public sealed class OffsetMismatchException(ulong expectedOffset, ulong nextOffset)
    : LogException(Invariant($"expected offset {expectedOffset}: the next offset is {nextOffset}"))
{
    /// <summary>The offset that the append demanded.</summary>
    public ulong ExpectedOffset { get; } = expectedOffset;

    /// <summary>The offset that it would have got.</summary>
    public ulong NextOffset { get; } = nextOffset;
}

/// <summary>A batch is larger than the log takes. Nothing was stored.</summary>
/// <param name="sizeBytes">The size of the batch's encoding.</param>
/// <param name="limitBytes">The largest size that the log takes.</param>
public sealed class BatchTooLargeException(long sizeBytes, long limitBytes)
    : ArgumentException(Invariant($"batch is {sizeBytes} bytes: the limit is {limitBytes}"))
{
    /// <summary>The size of the batch's encoding.</summary>
    public long SizeBytes { get; } = sizeBytes;

    /// <summary>The largest size that the log takes.</summary>
    public long LimitBytes { get; } = limitBytes;
}

/// <summary>
/// The append failed in a way that leaves it open whether the batch is stored. To find out, append again with an expected offset.
/// </summary>
public sealed class AppendOutcomeUnknownException(string message, Exception? innerException = null) : LogException(message, innerException)
{
    /// <summary>The write itself failed.</summary>
    /// <param name="innerException">What the storage said.</param>
    public AppendOutcomeUnknownException(Exception? innerException = null)
        : this("the append's outcome is unknown: the log failed while writing it", innerException)
    {
    }
}

/// <summary>An earlier write failed, so the log takes no more appends until it is opened again; what is durable can be read.</summary>
/// <param name="innerException">The failure that made it so.</param>
public sealed class LogReadOnlyException(Exception? innerException = null)
    : LogException("the log is read-only after a write failure", innerException);

/// <summary>There is no room for the append. Nothing was stored and nothing is lost; appends resume when there is room.</summary>
/// <param name="innerException">What the storage said.</param>
public sealed class LogFullException(Exception? innerException = null)
    : LogException("the disk is full: appends are refused, reads continue", innerException);

/// <summary>The log cannot be reached at the moment. An append that failed so stored nothing; trying again later may succeed.</summary>
public sealed class LogUnavailableException(string message, Exception? innerException = null) : LogException(message, innerException)
{
    /// <summary>The storage behind the log cannot be reached.</summary>
    /// <param name="innerException">What the storage said.</param>
    public LogUnavailableException(Exception? innerException = null)
        : this("the log's storage is unavailable", innerException)
    {
    }
}

/// <summary>What is stored at an offset is damaged. It is reported, never returned and never skipped.</summary>
/// <param name="offset">The offset whose record cannot be read.</param>
/// <param name="innerException">Where the damage is, as the storage sees it.</param>
public sealed class RecordCorruptException(ulong offset, Exception? innerException = null)
    : LogException(Invariant($"the record at offset {offset} is corrupt"), innerException)
{
    /// <summary>The offset whose record cannot be read.</summary>
    public ulong Offset { get; } = offset;
}
