namespace LogKit.Postgres.Appends;

/// <summary>
/// An append from the call until the caller has its result. Until the writer takes it, the caller can cancel it; the writer then drops it
/// from the queue. Once taken, it is always answered, because its bytes may have been sent.
/// </summary>
internal sealed class QueuedAppend(RecordBatch batch, ulong? expectedOffset)
    : TaskCompletionSource<ulong>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    private CancellationTokenRegistration _cancellation;
    private int _isSettled;

    public RecordBatch Batch { get; } = batch;

    public ulong? ExpectedOffset { get; } = expectedOffset;

    public void CancelBy(CancellationToken cancellationToken) =>
        _cancellation = cancellationToken.UnsafeRegister(
            static (append, token) =>
            {
                var self = (QueuedAppend)append!;
                if (self.TrySettle())
                    self.SetCanceled(token);
            },
            this);

    /// <summary>Takes the append for a group. Returns false if it was canceled.</summary>
    public bool TryTake()
    {
        if (!TrySettle())
            return false;
        _cancellation.Unregister();
        return true;
    }

    /// <summary>Completes the append with its offset or, if it expected another, with a mismatch.</summary>
    public void Answer(ulong offset)
    {
        if (ExpectedOffset is { } expected && expected != offset)
            SetException(new OffsetMismatchException(expected, offset));
        else
            SetResult(offset);
    }

    private bool TrySettle() => Interlocked.Exchange(ref _isSettled, 1) == 0;
}
