namespace LogKit.Grpc.Guard;

/// <summary>
/// A limit on bytes that are held at the same time: callers take some, wait if none are left, and return them. Takes no lock unless a
/// caller waits: it is asked twice for each message.
/// </summary>
internal sealed class ByteBudget(long limitBytes)
{
    /// <summary>Which part of the budget is one share.</summary>
    private const int Shares = 32;

    private readonly Lock _gate = new();
    private long _taken; // Interlocked
    private int _waiting; // Interlocked: callers within their share that wait
    private TaskCompletionSource? _returned; // what waiting callers await; set under _gate, read with Volatile

    /// <summary>What a holder may have before it yields to others that wait.</summary>
    public long ShareBytes { get; } = Math.Max(limitBytes / Shares, 1);

    /// <summary>How many bytes are taken.</summary>
    public long TakenBytes => Volatile.Read(ref _taken);

    /// <summary>Whether a caller that holds no more than its share waits.</summary>
    public bool IsShort => Volatile.Read(ref _waiting) > 0;

    /// <summary>Takes bytes if they fit, or if nothing else is taken, so that a single large request always gets through.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="share">Whose share they count against, if any: one that is over its share does not overtake those that wait.</param>
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
        Interlocked.Add(ref _taken, -bytes); // before looking for waiting callers, which announce themselves before they try again
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
                    isWithinShare = false; // it has come to hold more meanwhile, or is to yield
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
            Wake(); // those that yielded may try
        }
    }
}

/// <summary>What one holder, such as a connection, has taken of a <see cref="ByteBudget"/>.</summary>
internal sealed class BudgetShare(ByteBudget budget)
{
    private long _held; // Interlocked

    /// <summary>Whether the holder yields to others that wait: it has more than its share, or has wasted what it had.</summary>
    public bool IsOver => Yields || Volatile.Read(ref _held) > budget.ShareBytes;

    /// <summary>Set for a holder that kept its bytes for too long.</summary>
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
