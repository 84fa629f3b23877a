using System.Diagnostics;

namespace LogKit.Disk.Commit;

/// <summary>
/// Completes the appends of a group. One thread runs all continuations, which costs far less than a thread hop per append. Another
/// thread stands by, so a continuation that blocks delays no other.
/// </summary>
/// <param name="owner">The group commit that the appends belong to.</param>
/// <param name="finished">Called when all appends are completed. Reuses this object for another group.</param>
internal sealed class GroupAnswers(GroupCommit owner, Action<GroupAnswers> finished) : IThreadPoolWorkItem
{
    /// <summary>The longest time that an action is deferred while answers are pending.</summary>
    private static readonly long DelayLimitTicks = Stopwatch.Frequency / 1000;

    [ThreadStatic]
    private static GroupAnswers? _current;

    private readonly List<PendingAppend> _appends = []; // filled before any thread runs, cleared by the last one
    private int _next; // Interlocked: the index of the next append to complete
    private int _threads; // Interlocked: the number of threads at work; the last one finishes
    private Action? _deferred; // Interlocked: whoever takes it runs it
    private long _deferredAt; // written before _deferred is published

    /// <summary>The answers that this thread is giving for a group commit, if any: then the current code runs in a continuation.</summary>
    public static GroupAnswers? CurrentOf(GroupCommit owner) => _current is { } current && current.Owner == owner ? current : null;

    private GroupCommit Owner { get; } = owner;

    public void Add(PendingAppend append) => _appends.Add(append);

    /// <summary>Completes the appends on a pool thread.</summary>
    public void Queue()
    {
        _threads = 1;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Completes the appends on this thread, which must be a pool thread that has nothing else to do.</summary>
    public void Run()
    {
        _threads = 1;
        Execute();
    }

    /// <summary>
    /// Defers an action until only the last answer is pending, or until <see cref="DelayLimitTicks"/> have passed. Returns false if all
    /// answers have been given. Only one action can be deferred at a time.
    /// </summary>
    public bool TryDefer(Action action)
    {
        _deferredAt = Stopwatch.GetTimestamp();
        Interlocked.Exchange(ref _deferred, action);
        return Volatile.Read(ref _next) < _appends.Count || Interlocked.Exchange(ref _deferred, null) is null;
    }

    public void Execute()
    {
        var outer = _current;
        _current = this;
        var hasCompany = false;
        while (Interlocked.Increment(ref _next) - 1 is var index && index < _appends.Count)
        {
            var isLast = index + 1 == _appends.Count;
            if (!isLast && !hasCompany)
            {
                hasCompany = true;
                Interlocked.Increment(ref _threads);
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }

            if (Volatile.Read(ref _deferred) is not null && (isLast || Stopwatch.GetTimestamp() - _deferredAt > DelayLimitTicks))
                Interlocked.Exchange(ref _deferred, null)?.Invoke();
            _appends[index].Answer();
        }

        _current = outer;
        if (Interlocked.Decrement(ref _threads) == 0)
        {
            _appends.Clear();
            _next = 0;
            finished(this);
        }
    }
}
