using System.Collections.Concurrent;

namespace LogKit.Conformance.Running;

/// <summary>
/// The calls of a rule, in the order in which they began: the last ones, for its message, or all of them, for a check.
/// </summary>
internal sealed class History
{
    private const int Shown = 20;

    private readonly ConcurrentQueue<Operation> _operations = [];
    private long _clock;
    private long _begun;
    private volatile bool _isPaused;

    /// <summary>
    /// Whether to keep all calls. Otherwise, calls that are not shown are dropped, so that long rules need little memory.
    /// </summary>
    public bool KeepsAll { get; set; }

    public IReadOnlyCollection<Operation> Operations => _operations;

    public Operation Begin(Operation operation)
    {
        operation.Invoked = Now();
        if (_isPaused)
            return operation;
        _operations.Enqueue(operation);
        Interlocked.Increment(ref _begun);
        if (!KeepsAll && _operations.Count > Shown)
            _operations.TryDequeue(out _);
        return operation;
    }

    public void End(Operation operation, object? result = null)
    {
        operation.Result = result;
        operation.Returned = Now();
    }

    public void Fail(Operation operation, Exception failure)
    {
        operation.IsCanceled = failure is OperationCanceledException;
        operation.Failure = operation.IsCanceled ? null : failure;
        operation.Returned = Now();
    }

    /// <summary>Drops calls until the result is disposed.</summary>
    public IDisposable Pause()
    {
        _isPaused = true;
        return new Resumption(this);
    }

    public void Clear()
    {
        _operations.Clear();
        Interlocked.Exchange(ref _begun, 0);
    }

    public IEnumerable<Operation> Last() => _operations.TakeLast(Shown);

    /// <summary>The number of calls before the last ones.</summary>
    public long Earlier => Begun - _operations.TakeLast(Shown).Count();

    /// <summary>The number of calls that have begun.</summary>
    public long Begun => Interlocked.Read(ref _begun);

    private long Now() => Interlocked.Increment(ref _clock);

    private sealed class Resumption(History history) : IDisposable
    {
        public void Dispose() => history._isPaused = false;
    }
}
