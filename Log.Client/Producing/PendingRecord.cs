using System.Numerics;

namespace LogKit.Client.Producing;

/// <summary>A record on its way: what it is, and the promises made about it.</summary>
internal sealed class PendingRecord(ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
{
    public ReadOnlyMemory<byte> Value { get; } = value;

    /// <summary>Withdraws the record for as long as it is not sent.</summary>
    public CancellationToken CancellationToken { get; } = cancellationToken;

    /// <summary>What it adds to a batch's encoding: see the encoding of <see cref="RecordBatch"/>.</summary>
    public long SizeBytes { get; } = value.IsEmpty ? FieldSize(0) : FieldSize(FieldSize(value.Length));

    /// <summary>Completes once there is room for it, or none is needed any more; never fails.</summary>
    public TaskCompletionSource Accepted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the record's offset, or fails as its append did.</summary>
    public TaskCompletionSource<ulong> Offset { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A tag, a length, and as many bytes.</summary>
    private static long FieldSize(long contentBytes) => 1 + ((BitOperations.Log2((ulong)contentBytes | 1) / 7) + 1) + contentBytes;
}
