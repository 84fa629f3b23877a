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
    Disconnect,
    Reconnect,
}

/// <summary>
/// A call on a log: its arguments, when it began and ended, and its result. Stamps come from one counter, so they order all calls.
/// </summary>
internal sealed class Operation(OperationKind kind, int client, ulong? offset = null, RecordBatch? batch = null)
{
    public const string DefaultLog = "log";

    /// <summary>The stamp of an event that has not happened.</summary>
    public const long Never = long.MaxValue;

    public OperationKind Kind { get; } = kind;

    /// <summary>The name of the log, which distinguishes the logs of a rule.</summary>
    public string Log { get; init; } = DefaultLog;

    /// <summary>The number of the client of the log that was called.</summary>
    public int Client { get; } = client;

    /// <summary>The offset to read, wait for, or truncate before; or the expected offset of an append.</summary>
    public ulong? Offset { get; } = offset;

    /// <summary>The limit on a read of several batches.</summary>
    public int LimitBytes { get; init; }

    /// <summary>The batch that is appended.</summary>
    public RecordBatch? Batch { get; } = batch;

    public long Invoked { get; set; }

    public long Returned { get; set; } = Never;

    public object? Result { get; set; }

    /// <summary>The exception; not kept for a canceled call, because it would keep the token of the caller alive.</summary>
    public Exception? Failure { get; set; }

    public bool IsCanceled { get; set; }

    /// <summary>Whether this opens or disposes the log, rather than using it.</summary>
    public bool IsLifetime => Kind is OperationKind.Open or OperationKind.Dispose;

    /// <summary>Whether this is something that the harness does to the log.</summary>
    public bool IsEvent => Kind is OperationKind.Crash or OperationKind.Disconnect or OperationKind.Reconnect;

    public bool Succeeded => Returned != Never && Failure is null && !IsCanceled;

    /// <summary>This call as it was at an instant: if it ended later, pending.</summary>
    public Operation AsOf(long stamp) => Returned <= stamp
        ? this : new Operation(Kind, Client, Offset, Batch) { Log = Log, LimitBytes = LimitBytes, Invoked = Invoked };

    public override string ToString() => OperationText.Of(this);
}
