using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Tasks.Sources;

namespace LogKit.Disk.Commit;

/// <summary>
/// An append between its call and its answer; pooled, and itself the source of the caller's task. It has one owner at a time:
/// queued, either the committer takes it or the caller's cancellation does, whoever is first; once taken it is always answered.
/// </summary>
internal sealed class PendingAppend : IValueTaskSource<ulong>
{
    private const int PoolLimit = 4096;

    private static readonly ConcurrentQueue<PendingAppend> Pool = new();
    private static int _pooled; // Interlocked: how many the pool holds, or is about to

    /// <summary>The one that this thread has just been done with: what a caller that appends again takes.</summary>
    [ThreadStatic]
    private static PendingAppend? _own;

    private ManualResetValueTaskSourceCore<ulong> _source; // runs continuations where the answer is given: see GroupAnswers
    private Exception? _refusal; // of whoever took the append out of the queued state, until it is answered
    private CancellationTokenRegistration _cancellation; // of the caller
    private int _state; // Interlocked: see State

    private PendingAppend() => _state = State.Pooled;

    /// <summary>An append as it was when it was answered: later it may be another, of another caller.</summary>
    internal readonly record struct Answered(PendingAppend? Append, short Version)
    {
        /// <summary>Whether its caller has not asked for the answer yet.</summary>
        public bool IsNotTaken => Append is not null && Append._source.Version == Version;
    }

    /// <summary>To be asked for before its caller gets its task.</summary>
    public Answered AsAnswered => new(this, _source.Version);

    public RecordBatch Batch { get; private set; } = null!;

    public ulong? ExpectedOffset { get; private set; }

    /// <summary>The offset that the committer gave it.</summary>
    public ulong FirstOffset { get; set; }

    /// <summary>Whether it is settled that it fails.</summary>
    public bool IsRefused => _refusal is not null;

    public static PendingAppend Rent(RecordBatch batch, ulong? expectedOffset)
    {
        var append = _own;
        _own = null;
        if (append is null && Pool.TryDequeue(out append))
            Interlocked.Decrement(ref _pooled);
        append ??= new PendingAppend();
        Debug.Assert(append.Batch is null && append._state != State.Queued, "what is in the pool is nobody's");
        append.Batch = batch;
        append.ExpectedOffset = expectedOffset;
        append._refusal = null;
        append._state = State.Queued;
        return append;
    }

    /// <summary>The caller's task, to be awaited once. Before the append is queued.</summary>
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

    /// <summary>Takes it for a group: false where it was cancelled, and is nobody's concern any more.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _state, State.Taken, State.Queued) == State.Queued;

    /// <summary>Settles that it fails, and with what.</summary>
    public void Refuse(Exception exception) => _refusal = exception;

    /// <summary>
    /// Completes the caller's task with what was settled: its offset, unless it was refused. The caller goes on from here, on this thread.
    /// </summary>
    public void Answer()
    {
        Debug.Assert(_state is State.Taken or State.Cancelled, "only an append that is out of the queue is answered");
        if (_refusal is { } refusal)
            _source.SetException(refusal);
        else
            _source.SetResult(FirstOffset);
    }

    public ulong GetResult(short token)
    {
        if (_source.GetStatus(token) == ValueTaskSourceStatus.Pending)
            throw new InvalidOperationException("an append's task must be awaited, not asked for its result before it has one");
        try
        {
            return _source.GetResult(token);
        }
        finally
        {
            _cancellation.Dispose(); // waits for a cancellation that is running: afterwards nobody knows this object but the pool
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

    // A cancelled append is left in the queue, which drops it, and does not go back to the pool.
    private void Cancel(CancellationToken cancellationToken)
    {
        if (Interlocked.CompareExchange(ref _state, State.Cancelled, State.Queued) != State.Queued)
            return;
        _refusal = new OperationCanceledException(cancellationToken);
        // Whoever cancels does not run the caller's code.
        ThreadPool.UnsafeQueueUserWorkItem(static append => append.Answer(), this, preferLocal: false);
    }

    private static class State
    {
        public const int Queued = 0;
        public const int Taken = 1;
        public const int Cancelled = 2;
        public const int Pooled = 3;
    }
}
