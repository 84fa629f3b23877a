namespace LogKit.Testing;

/// <summary>Decides which calls of a <see cref="FaultyLog"/> fail, and how.</summary>
internal interface IFaultSource
{
    /// <summary>The fault that happens to a call; null if none does. Called under the lock of the log, once for each call.</summary>
    Fault? FaultFor(LogCall call);
}

/// <summary>A fault that was injected into a <see cref="FaultyLog"/>. Disposal removes it.</summary>
public sealed class InjectedFault : IFaultSource, IDisposable
{
    private readonly FaultyLog _log;
    private readonly Fault _fault;
    private readonly LogOperations _operations;
    private readonly Func<LogCall, bool>? _isMeant;
    private int _skip;
    private int _left;
    private int _count;

    internal InjectedFault(FaultyLog log, Fault fault, LogOperations operations, int skip, int times, Func<LogCall, bool>? isMeant)
    {
        (_log, _fault, _operations, _isMeant) = (log, fault, operations, isMeant);
        (_skip, _left) = (skip, times);
    }

    /// <summary>How many calls the fault has happened to.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Lets all further calls pass.</summary>
    public void Dispose() => _log.Remove(this);

    Fault? IFaultSource.FaultFor(LogCall call)
    {
        if (!_operations.HasFlag(call.Operation) || _left == 0 || _isMeant?.Invoke(call) == false)
            return null;
        if (_skip > 0)
        {
            _skip--;
            return null;
        }

        _left--;
        Interlocked.Increment(ref _count);
        return _fault;
    }
}
