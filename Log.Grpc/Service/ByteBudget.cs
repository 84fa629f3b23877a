namespace LogKit.Grpc.Service;

/// <summary>
/// Bytes that may be on their way: some take and wait where there are none left, others return. No lock is taken unless somebody
/// waits: it is asked twice for each message.
/// </summary>
internal sealed class ByteBudget(long limitBytes)
{
    private readonly Lock _gate = new();
    private long _taken;
    private TaskCompletionSource? _returned; // of those who wait; set under the lock

    /// <summary>Takes bytes, once they fit, or once nothing else is taken: so a single large one always gets through.</summary>
    public ValueTask TakeAsync(long bytes, CancellationToken cancellationToken) =>
        TryTake(bytes) ? ValueTask.CompletedTask : new ValueTask(WaitAndTakeAsync(bytes, cancellationToken));

    public void Return(long bytes)
    {
        Interlocked.Add(ref _taken, -bytes); // before it is seen whether somebody waits, who says so before trying again
        if (Volatile.Read(ref _returned) is null)
            return;
        lock (_gate)
        {
            _returned?.TrySetResult();
            _returned = null;
        }
    }

    private bool TryTake(long bytes)
    {
        for (var taken = Volatile.Read(ref _taken); taken == 0 || taken + bytes <= limitBytes;)
        {
            var seen = Interlocked.CompareExchange(ref _taken, taken + bytes, taken);
            if (seen == taken)
                return true;
            taken = seen;
        }

        return false;
    }

    private async Task WaitAndTakeAsync(long bytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task returned;
            lock (_gate)
            {
                _returned ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                returned = _returned.Task;
            }

            Interlocked.MemoryBarrier();
            if (TryTake(bytes))
                return;
            await returned.WaitAsync(cancellationToken);
        }
    }
}
