using System.Numerics;

namespace LogKit.Client.Producing;

/// <summary>A record on its way: what it is, and the promises made about it.</summary>
internal sealed class PendingRecord
{
    private static readonly TaskCompletionSource IsAccepted = new();

    private TaskCompletionSource? _accepted; // made by whoever has to wait

    static PendingRecord() => IsAccepted.SetResult();

    public PendingRecord(ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        (Value, CancellationToken) = (value, cancellationToken);
        SizeBytes = value.IsEmpty ? FieldSize(0) : FieldSize(FieldSize(value.Length));
        Place = new LinkedListNode<PendingRecord>(this);
    }

    public ReadOnlyMemory<byte> Value { get; }

    /// <summary>Withdraws the record for as long as it is not sent.</summary>
    public CancellationToken CancellationToken { get; }

    /// <summary>When it was added, in milliseconds of <see cref="Environment.TickCount64"/>.</summary>
    public long AddedAtMs { get; } = Environment.TickCount64;

    /// <summary>What it adds to a batch's encoding: see the encoding of <see cref="RecordBatch"/>.</summary>
    public long SizeBytes { get; }

    /// <summary>Where it waits; in no list while it is taken.</summary>
    public LinkedListNode<PendingRecord> Place { get; }

    /// <summary>Completes once there is room for it, or none is needed any more; never fails.</summary>
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

    /// <summary>Completes with the record's offset, or fails as its append did.</summary>
    public TaskCompletionSource<ulong> Offset { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>There is room for it.</summary>
    public void Accept()
    {
        if (Interlocked.CompareExchange(ref _accepted, IsAccepted, null) is { } waited)
            waited.TrySetResult();
    }

    /// <summary>A tag, a length, and as many bytes.</summary>
    private static long FieldSize(long contentBytes) => 1 + ((BitOperations.Log2((ulong)contentBytes | 1) / 7) + 1) + contentBytes;
}
