using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Tasks.Sources;

namespace LogKit.Disk.Commit;

/// <summary>
/// An append from the call until the caller has its result. Pooled, and itself the source of the caller's task. While it is queued, either
/// the committer or the caller's cancellation takes it, whichever is first. Once taken, it is always completed.
/// </summary>
internal sealed class PendingAppend : IValueTaskSource<ulong>
{
    private const int PoolLimit = 4096;

    private static readonly ConcurrentQueue<PendingAppend> Pool = new();
    private static int _pooled; // Interlocked: how many the pool holds, or is about to

    /// <summary>The append that this thread returned last, which the same caller's next append reuses.</summary>
    [ThreadStatic]
    private static PendingAppend? _own;

    private ManualResetValueTaskSourceCore<ulong> _source; // runs continuations inline: see GroupAnswers
    private Exception? _refusal; // set by whoever took the append, before it is completed
    private CancellationTokenRegistration _cancellation; // used by the caller only
    private int _state; // Interlocked: see State

    private PendingAppend() => _state = State.Pooled;

    /// <summary>A pooled append together with its version, since the object may later serve another caller.</summary>
    internal readonly record struct Answered(PendingAppend? Append, short Version)
    {
        /// <summary>Whether the caller has not consumed the result yet.</summary>
        public bool IsNotTaken => Append is not null && Append._source.Version == Version;
    }

    /// <summary>A reference to the append in its current use. Take it before the caller gets the task.</summary>
    public Answered AsAnswered => new(this, _source.Version);

    public RecordBatch Batch { get; private set; } = null!;

    public ulong? ExpectedOffset { get; private set; }

    /// <summary>The offset that the committer assigned.</summary>
    public ulong FirstOffset { get; set; }

    /// <summary>Whether the append was refused.</summary>
    public bool IsRefused => _refusal is not null;

    public static PendingAppend Rent(RecordBatch batch, ulong? expectedOffset)
    {
        var append = _own;
        _own = null;
        if (append is null && Pool.TryDequeue(out append))
            Interlocked.Decrement(ref _pooled);
        append ??= new PendingAppend();
        Debug.Assert(append.Batch is null && append._state != State.Queued, "a pooled append is not in use");
        append.Batch = batch;
        append.ExpectedOffset = expectedOffset;
        append._refusal = null;
        append._state = State.Queued;
        return append;
    }

    /// <summary>Makes the caller's task, which must be awaited once. Call this before the append is queued.</summary>
    public ValueTask<ulong> Task(CancellationToken cancellationToken)
    {
        var task = new ValueTask<ulong>(this, _source.Version);
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation = cancellationToken.UnsafeRegister(
                static (append, token) => ((PendingAppend)append!).Cancel(token), this);
        }

        return task;
    }

    /// <summary>Takes the append for a group. Returns false if it was canceled.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _state, State.Taken, State.Queued) == State.Queued;

    /// <summary>Refuses the append with an exception.</summary>
    public void Refuse(Exception exception) => _refusal = exception;

    /// <summary>
    /// Completes the caller's task with the offset, or with the exception if the append was refused. The continuation runs on this thread.
    /// </summary>
    public void Answer()
    {
        Debug.Assert(_state is State.Taken or State.Canceled, "only an append that is out of the queue is answered");
        if (_refusal is { } refusal)
            _source.SetException(refusal);
        else
            _source.SetResult(FirstOffset);
    }

    public ulong GetResult(short token)
    {
        if (_source.GetStatus(token) == ValueTaskSourceStatus.Pending)
            throw new InvalidOperationException("the task of an append must be awaited: its result is not available before it completes");
        try
        {
            return _source.GetResult(token);
        }
        finally
        {
            _cancellation.Dispose(); // waits for a running cancellation, so that afterwards only the pool knows this object
            _cancellation = default;
            Batch = null!;
            if (_state == State.Taken)
                Return();
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void Return()
    {
        Debug.Assert(_state == State.Taken, "a canceled append may still be in the queue, and is not pooled");
        _source.Reset();
        _state = State.Pooled;
        if (_own is null)
            _own = this;
        else if (Interlocked.Increment(ref _pooled) <= PoolLimit)
            Pool.Enqueue(this);
        else
            Interlocked.Decrement(ref _pooled);
    }

    // A canceled append stays in the queue, which drops it later. It is not returned to the pool.
    private void Cancel(CancellationToken cancellationToken)
    {
        if (Interlocked.CompareExchange(ref _state, State.Canceled, State.Queued) != State.Queued)
            return;
        _refusal = new OperationCanceledException(cancellationToken);
        // The continuation must not run on the thread that cancels.
        ThreadPool.UnsafeQueueUserWorkItem(static append => append.Answer(), this, preferLocal: false);
    }

    private static class State
    {
        public const int Queued = 0;
        public const int Taken = 1;
        public const int Canceled = 2;
        public const int Pooled = 3;
    }
}
