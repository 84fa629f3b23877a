namespace LogKit.Grpc.Guard;

/// <summary>A connection as seen by the guard: its calls, the bytes that they hold, and how long it has been idle.</summary>
internal sealed class ClientConnection(CallGuard guard, ByteBudget budget, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly List<GuardedCall> _calls = []; // under _gate; all call objects, in use or not
    private readonly Stack<GuardedCall> _unused = new(); // under _gate
    private int _open; // under _gate; read with Volatile
    private long _idleSince = time.GetTimestamp(); // written under _gate, read with Volatile
    private bool _isProven; // set once, read with Volatile

    /// <summary>The bytes that its calls hold.</summary>
    public BudgetShare Share { get; } = new(budget);

    public long OpenedAt { get; } = time.GetTimestamp();

    /// <summary>Whether it has made a permitted call; with an access list, one that requires an identity.</summary>
    public bool IsProven => Volatile.Read(ref _isProven);

    /// <summary>Whether it has an open call.</summary>
    public bool HasCalls => Volatile.Read(ref _open) > 0;

    /// <summary>When its last call ended, or else when it was opened.</summary>
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

    /// <summary>Ends calls that have waited too long for their client.</summary>
    /// <returns>The number of calls.</returns>
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
