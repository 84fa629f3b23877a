namespace LogKit.Grpc.Guard;

/// <summary>
/// A limit on bytes held at the same time: callers take bytes, wait if there are not enough, and return them. Used twice per message, so it
/// takes no lock unless a caller waits.
/// </summary>
internal sealed class ByteBudget(long limitBytes)
{
    /// <summary>The number of shares in the budget.</summary>
    private const int Shares = 32;

    private readonly Lock _gate = new();
    private long _taken; // Interlocked
    private int _waiting; // Interlocked: callers within their share that wait
    private TaskCompletionSource? _returned; // what waiting callers await; set under _gate, read with Volatile

    /// <summary>The size of a share: a holder that has more yields to others that wait.</summary>
    public long ShareBytes { get; } = Math.Max(limitBytes / Shares, 1);

    /// <summary>The number of bytes taken.</summary>
    public long TakenBytes => Volatile.Read(ref _taken);

    /// <summary>Whether a caller within its share is waiting.</summary>
    public bool IsShort => Volatile.Read(ref _waiting) > 0;

    /// <summary>Takes bytes if there are enough, or if nothing else is taken, so that a single large request always succeeds.</summary>
    /// <param name="bytes">The number of bytes.</param>
    /// <param name="share">
    /// The share that they count against, if any. A holder that exceeds its share does not overtake callers that wait.
    /// </param>
    public bool TryTake(long bytes, BudgetShare? share = null)
    {
        if (share is { IsOver: true } && IsShort)
            return false;
        for (var taken = Volatile.Read(ref _taken); taken == 0 || taken + bytes <= limitBytes;)
        {
            var seen = Interlocked.CompareExchange(ref _taken, taken + bytes, taken);
            if (seen == taken)
                return true;
            taken = seen;
        }

        return false;
    }

    /// <summary>Takes bytes once <see cref="TryTake"/> can.</summary>
    public ValueTask TakeAsync(long bytes, CancellationToken cancellationToken, BudgetShare? share = null) =>
        TryTake(bytes, share) ? ValueTask.CompletedTask : new ValueTask(WaitAndTakeAsync(bytes, share, cancellationToken));

    public void Return(long bytes)
    {
        Interlocked.Add(ref _taken, -bytes); // before checking for waiting callers, which register before they try again
        Wake();
    }

    private void Wake()
    {
        if (Volatile.Read(ref _returned) is null)
            return;
        lock (_gate)
        {
            _returned?.TrySetResult();
            _returned = null;
        }
    }

    private async Task WaitAndTakeAsync(long bytes, BudgetShare? share, CancellationToken cancellationToken)
    {
        var isWithinShare = share is not { IsOver: true };
        if (isWithinShare)
            Interlocked.Increment(ref _waiting);
        try
        {
            while (true)
            {
                if (isWithinShare && share is { IsOver: true })
                {
                    isWithinShare = false; // the holder has exceeded its share meanwhile, or must yield
                    Interlocked.Decrement(ref _waiting);
                }

                Task returned;
                lock (_gate)
                {
                    _returned ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    returned = _returned.Task;
                }

                Interlocked.MemoryBarrier();
                if (TryTake(bytes, share))
                    return;
                await returned.WaitAsync(cancellationToken);
            }
        }
        finally
        {
            if (isWithinShare)
                Interlocked.Decrement(ref _waiting);
            Wake(); // lets callers that yielded try
        }
    }
}

/// <summary>What a holder, such as a connection, has taken of a <see cref="ByteBudget"/>.</summary>
internal sealed class BudgetShare(ByteBudget budget)
{
    private long _held; // Interlocked

    /// <summary>Whether the holder yields to others that wait, because it has more than its share or kept bytes for too long.</summary>
    public bool IsOver => Yields || Volatile.Read(ref _held) > budget.ShareBytes;

    /// <summary>Whether the holder has kept bytes for too long.</summary>
    public bool Yields { get; set; }

    public bool TryTake(long bytes)
    {
        if (!budget.TryTake(bytes, this))
            return false;
        Interlocked.Add(ref _held, bytes);
        return true;
    }

    public ValueTask TakeAsync(long bytes, CancellationToken cancellationToken) =>
        TryTake(bytes) ? ValueTask.CompletedTask : new ValueTask(WaitAndTakeAsync(bytes, cancellationToken));

    public void Return(long bytes)
    {
        if (bytes == 0)
            return;
        Interlocked.Add(ref _held, -bytes);
        budget.Return(bytes);
    }

    private async Task WaitAndTakeAsync(long bytes, CancellationToken cancellationToken)
    {
        await budget.TakeAsync(bytes, cancellationToken, this);
        Interlocked.Add(ref _held, bytes);
    }
}
