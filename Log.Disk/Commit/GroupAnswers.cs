namespace LogKit.Disk.Commit;

/// <summary>
/// Gives the appends of a group their answers. One thread does it, callers' continuations included, which costs far less than a hop
/// to another thread for each; but others stand by, so a continuation that blocks holds back nobody but itself.
/// </summary>
internal sealed class GroupAnswers(Action<GroupAnswers> finished) : IThreadPoolWorkItem
{
    [ThreadStatic]
    private static GroupAnswers? _current;

    private readonly List<PendingAppend> _appends = [];
    private int _next;
    private int _threads;
    private Action? _beforeLast;

    /// <summary>The answers that this thread is giving: what it calls meanwhile, a continuation calls.</summary>
    public static GroupAnswers? Current => _current;

    public int Count => _appends.Count;

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
    /// Has something done once no continuation but perhaps the last is still to be run: false where it comes too late for that.
    /// </summary>
    public bool TryDoBeforeLast(Action action)
    {
        Volatile.Write(ref _beforeLast, action);
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref _next) < _appends.Count || Interlocked.Exchange(ref _beforeLast, null) is null;
    }

    public void Execute()
    {
        var outer = _current;
        _current = this;
        var hasCompany = false;
        while (Interlocked.Increment(ref _next) - 1 is var index && index < _appends.Count)
        {
            if (index + 1 < _appends.Count)
            {
                if (!hasCompany)
                {
                    hasCompany = true;
                    Interlocked.Increment(ref _threads);
                    ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                }
            }
            else
            {
                Interlocked.Exchange(ref _beforeLast, null)?.Invoke();
            }

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
