namespace LogKit.Conformance.Running;

internal enum OperationKind
{
    Open,
    Append,
    Read,
    ReadBatches,
    Range,
    Wait,
    Truncate,
    Dispose,
    Crash,
}

/// <summary>
/// One call on a log: what was asked, when it began and ended, and what came. Stamps are of one counter, so that they order all calls.
/// </summary>
internal sealed class Operation(OperationKind kind, int client, ulong? offset = null, RecordBatch? batch = null)
{
    /// <summary>The stamp of what has not happened.</summary>
    public const long Never = long.MaxValue;

    public OperationKind Kind { get; } = kind;

    /// <summary>Which of the rule's open logs was called.</summary>
    public int Client { get; } = client;

    /// <summary>What is read, awaited or truncated to; the offset that an append expects.</summary>
    public ulong? Offset { get; } = offset;

    /// <summary>What a read of several batches may return.</summary>
    public int LimitBytes { get; init; }

    /// <summary>What is appended.</summary>
    public RecordBatch? Batch { get; } = batch;

    public long Invoked { get; set; }

    public long Returned { get; set; } = Never;

    public object? Result { get; set; }

    /// <summary>What it threw; not kept of a cancelled call, whose exception would keep the caller's token alive.</summary>
    public Exception? Failure { get; set; }

    public bool IsCancelled { get; set; }

    public bool Succeeded => Returned != Never && Failure is null && !IsCancelled;

    public override string ToString() => OperationText.Of(this);
}
