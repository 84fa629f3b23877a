namespace LogKit.Testing;

/// <summary>The operations of a log, as a set.</summary>
[Flags]
public enum LogOperations
{
    /// <summary>No operation.</summary>
    None = 0,

    /// <summary><see cref="ILog.AppendBatchAsync"/>.</summary>
    Append = 1,

    /// <summary><see cref="ILog.ReadBatchAsync"/> and <see cref="ILog.ReadBatchesAsync"/>.</summary>
    Read = 2,

    /// <summary><see cref="ILog.GetRangeAsync"/>.</summary>
    Range = 4,

    /// <summary><see cref="ILog.WaitForAppendAsync"/>.</summary>
    Wait = 8,

    /// <summary><see cref="ITruncatableLog.TruncateBeforeAsync"/>.</summary>
    Truncate = 16,

    /// <summary>All operations.</summary>
    All = Append | Read | Range | Wait | Truncate,
}

/// <summary>A call on a <see cref="FaultyLog"/>.</summary>
/// <param name="Operation">The operation: one flag.</param>
/// <param name="Offset">
/// The offset to read, wait for, or truncate before; of an append, the expected offset. Null if there is none.
/// </param>
/// <param name="Batch">The batch to append; null for other operations.</param>
public readonly record struct LogCall(LogOperations Operation, ulong? Offset, RecordBatch? Batch);
