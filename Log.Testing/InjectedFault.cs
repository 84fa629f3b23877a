namespace LogKit.Testing;

/// <summary>A fault that was injected into a <see cref="FaultyLog"/>. Disposal removes it.</summary>
public sealed class InjectedFault : IDisposable
{
    private readonly FaultyLog _log;
    private readonly LogOperations _operations;
    private readonly Func<LogCall, bool>? _isMeant;
    private int _skip;
    private int _left;
    private int _count;

    internal InjectedFault(FaultyLog log, Fault fault, LogOperations operations, int skip, int times, Func<LogCall, bool>? isMeant)
    {
        (_log, Fault, _operations, _isMeant) = (log, fault, operations, isMeant);
        (_skip, _left) = (skip, times);
    }

    /// <summary>How many calls the fault has happened to.</summary>
    public int Count => Volatile.Read(ref _count);

    internal Fault Fault { get; }

    /// <summary>Lets all further calls pass.</summary>
    public void Dispose() => _log.Remove(this);

    /// <summary>Whether the fault happens to a call. Called under the lock of the log.</summary>
    internal bool Takes(LogCall call)
    {
        if (!_operations.HasFlag(call.Operation) || _left == 0 || _isMeant?.Invoke(call) == false)
            return false;
        if (_skip > 0)
        {
            _skip--;
            return false;
        }

        _left--;
        Interlocked.Increment(ref _count);
        return true;
    }
}
