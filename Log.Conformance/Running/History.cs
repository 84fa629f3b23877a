using System.Collections.Concurrent;

namespace LogKit.Conformance.Running;

/// <summary>The calls of a rule, in the order in which they began: the last ones for its message, or all of them for a check of the whole.</summary>
internal sealed class History
{
    private const int Shown = 20;

    private readonly ConcurrentQueue<Operation> _operations = [];
    private long _clock;

    /// <summary>Whether all is kept. Otherwise what is not shown is let go, so that long rules stay small.</summary>
    public bool KeepsAll { get; set; }

    public IReadOnlyCollection<Operation> Operations => _operations;

    public Operation Begin(Operation operation)
    {
        operation.Invoked = Now();
        _operations.Enqueue(operation);
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
        operation.IsCancelled = failure is OperationCanceledException;
        operation.Failure = operation.IsCancelled ? null : failure;
        operation.Returned = Now();
    }

    public void Clear() => _operations.Clear();

    public IEnumerable<Operation> Last() => _operations.TakeLast(Shown);

    private long Now() => Interlocked.Increment(ref _clock);
}
