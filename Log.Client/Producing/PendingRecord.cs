using System.Numerics;

namespace LogKit.Client.Producing;

/// <summary>A record in the producer, with the tasks of its caller.</summary>
internal sealed class PendingRecord
{
    private static readonly TaskCompletionSource IsAccepted = new();

    private TaskCompletionSource? _accepted; // created by whoever needs to wait

    static PendingRecord() => IsAccepted.SetResult();

    public PendingRecord(ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        (Value, CancellationToken) = (value, cancellationToken);
        SizeBytes = value.IsEmpty ? FieldSize(0) : FieldSize(FieldSize(value.Length));
        Place = new LinkedListNode<PendingRecord>(this);
    }

    public ReadOnlyMemory<byte> Value { get; }

    /// <summary>Withdraws the record if it has not been sent.</summary>
    public CancellationToken CancellationToken { get; }

    /// <summary>When it was added, in milliseconds of <see cref="Environment.TickCount64"/>.</summary>
    public long AddedAtMs { get; } = Environment.TickCount64;

    /// <summary>The size that it adds to the encoding of a batch: see <see cref="RecordBatch"/>.</summary>
    public long SizeBytes { get; }

    /// <summary>The node of the list in which it waits; in no list while it is taken.</summary>
    public LinkedListNode<PendingRecord> Place { get; }

    /// <summary>Completes once there is space in the queue, or it is no longer needed. Never fails.</summary>
    public Task Accepted
    {
        get
        {
            if (Volatile.Read(ref _accepted) is { } accepted)
                return accepted.Task;
            var waited = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return (Interlocked.CompareExchange(ref _accepted, waited, null) ?? waited).Task;
        }
    }

    /// <summary>Completes with the offset of the record, or fails like its append.</summary>
    public TaskCompletionSource<ulong> Offset { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Reports that there is space for the record.</summary>
    public void Accept()
    {
        if (Interlocked.CompareExchange(ref _accepted, IsAccepted, null) is { } waited)
            waited.TrySetResult();
    }

    /// <summary>The size of a field: tag, length, and content.</summary>
    private static long FieldSize(long contentBytes) => 1 + ((BitOperations.Log2((ulong)contentBytes | 1) / 7) + 1) + contentBytes;
}
