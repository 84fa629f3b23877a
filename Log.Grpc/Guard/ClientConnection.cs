namespace LogKit.Grpc.Guard;

/// <summary>A connection as the guard sees it: its calls, what they hold of the budget, and since when it has had none.</summary>
internal sealed class ClientConnection(CallGuard guard, ByteBudget budget, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly List<GuardedCall> _calls = []; // under _gate; all that were ever needed at once, used or not
    private readonly Stack<GuardedCall> _unused = new(); // under _gate
    private int _open; // under _gate; read with Volatile
    private long _idleSince = time.GetTimestamp(); // written under _gate, read with Volatile
    private bool _isProven; // set once, read with Volatile

    /// <summary>What its calls hold of the budget.</summary>
    public BudgetShare Share { get; } = new(budget);

    public long OpenedAt { get; } = time.GetTimestamp();

    /// <summary>Whether it has made a call that was let in: a method that needs an identity, where there is an access list.</summary>
    public bool IsProven => Volatile.Read(ref _isProven);

    /// <summary>Whether it has a call at this moment.</summary>
    public bool HasCalls => Volatile.Read(ref _open) > 0;

    /// <summary>When its last call ended, or when it was opened.</summary>
    public long IdleSince => Volatile.Read(ref _idleSince);

    public void Prove() => Volatile.Write(ref _isProven, true);

    public GuardedCall Begin()
    {
        lock (_gate)
        {
            _open++;
            if (_unused.TryPop(out var call))
                return call;
            call = new GuardedCall(guard, this);
            _calls.Add(call);
            return call;
        }
    }

    public void End(GuardedCall call)
    {
        lock (_gate)
        {
            _unused.Push(call);
            if (--_open == 0)
                Volatile.Write(ref _idleSince, time.GetTimestamp());
        }
    }

    /// <summary>Ends the calls that have waited too long for their client.</summary>
    /// <returns>How many.</returns>
    public int CutStalled(long requestLimitMs, long answerLimitMs)
    {
        if (!HasCalls)
            return 0;
        var count = 0;
        lock (_gate)
        {
            foreach (var call in _calls)
                count += call.CutIfStalled(requestLimitMs, answerLimitMs) ? 1 : 0;
        }

        if (count > 0)
            Share.Yields = true;

        return count;
    }
}
