using System.Diagnostics;

namespace LogKit.Disk.Commit;

/// <summary>
/// Gives the appends of a group their answers. One thread does it, callers' continuations included, which costs far less than a hop
/// to another thread for each; but others stand by, so a continuation that blocks holds back nobody but itself.
/// </summary>
/// <param name="owner">Whose appends they are.</param>
/// <param name="finished">Is told when all answers are given, and takes this back for another group.</param>
internal sealed class GroupAnswers(GroupCommit owner, Action<GroupAnswers> finished) : IThreadPoolWorkItem
{
    /// <summary>The longest time an action is deferred while answers are pending.</summary>
    private static readonly long DelayLimitTicks = Stopwatch.Frequency / 1000;

    [ThreadStatic]
    private static GroupAnswers? _current;

    private readonly List<PendingAppend> _appends = []; // filled before any thread runs, cleared by the last one
    private int _next; // Interlocked: the answer that is given next
    private int _threads; // Interlocked: how many threads give answers; the last one finishes
    private Action? _deferred; // Interlocked: whoever takes it runs it
    private long _deferredAt; // written before _deferred is published

    /// <summary>The answers of a log that this thread is giving: whatever it calls meanwhile, a continuation calls.</summary>
    public static GroupAnswers? CurrentOf(GroupCommit owner) => _current is { } current && current.Owner == owner ? current : null;

    private GroupCommit Owner { get; } = owner;

    public void Add(PendingAppend append) => _appends.Add(append);

    /// <summary>Starts giving the answers, on a pool thread.</summary>
    public void Queue()
    {
        _threads = 1;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Gives the answers on this thread, which must be one of the pool and have nothing else to do.</summary>
    public void Run()
    {
        _threads = 1;
        Execute();
    }

    /// <summary>
    /// Defers an action until only the last answer is pending, or a moment has passed; false if it is too late for that. One action
    /// at a time.
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
