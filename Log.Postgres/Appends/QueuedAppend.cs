namespace LogKit.Postgres.Appends;

/// <summary>
/// An append between its call and its answer. Until the writer takes it, its caller can cancel it, which leaves it in the queue for
/// the writer to drop; once taken it is always answered, because its bytes may be on their way.
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

    /// <summary>Takes it for a group: false where it was cancelled, and is nobody's concern any more.</summary>
    public bool TryTake()
    {
        if (!TrySettle())
            return false;
        _cancellation.Unregister();
        return true;
    }

    /// <summary>Answers it, given the offset that it got, or would have got where it expects another.</summary>
    public void Answer(ulong offset)
    {
        if (ExpectedOffset is { } expected && expected != offset)
            SetException(new OffsetMismatchException(expected, offset));
        else
            SetResult(offset);
    }

    private bool TrySettle() => Interlocked.Exchange(ref _isSettled, 1) == 0;
}
