namespace LogKit.Disk.Commit;

/// <summary>
/// Turns concurrent appends into groups. An append that finds nobody at work leads: it commits what is queued, itself included, on
/// its own thread, without a hop to another. What queued up meanwhile forms the next group, which a pool thread leads, so that no
/// caller works for others for long. There is no linger: a group is what came while the one before it was being flushed.
/// </summary>
internal sealed class GroupCommit(Action<List<PendingAppend>> commit, Func<Exception> closed)
{
    private readonly Lock _gate = new();
    private readonly List<PendingAppend> _group = [];
    private List<PendingAppend> _queue = [];
    private List<PendingAppend> _spare = [];
    private bool _isLed;
    private TaskCompletionSource? _drained;

    /// <summary>Queues an append and completes once its group is committed.</summary>
    public ValueTask<ulong> AppendAsync(RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken)
    {
        var append = PendingAppend.Rent(batch, expectedOffset);
        var task = append.Task(cancellationToken);
        bool leads;
        lock (_gate)
        {
            if (_drained is not null)
            {
                if (append.TryTake())
                    append.Fail(closed());
                return task;
            }

            _queue.Add(append);
            leads = !_isLed;
            _isLed = true;
        }

        if (leads && !CommitQueued())
            ThreadPool.UnsafeQueueUserWorkItem(static self => self.Lead(), this, preferLocal: false);
        return task;
    }

    /// <summary>Refuses what comes from now on, and completes when all that came before is committed.</summary>
    public Task DrainAsync()
    {
        lock (_gate)
        {
            if (_drained is null)
            {
                _drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                if (!_isLed)
                    _drained.SetResult();
            }

            return _drained.Task;
        }
    }

    private void Lead()
    {
        while (!CommitQueued())
        {
            // The next group has formed meanwhile.
        }
    }

    /// <summary>Commits the queue as it is; true where nothing has come meanwhile, and the lead is given up.</summary>
    private bool CommitQueued()
    {
        List<PendingAppend> taken;
        lock (_gate)
        {
            taken = _queue;
            _queue = _spare;
        }

        foreach (var append in taken)
        {
            if (append.TryTake())
                _group.Add(append);
        }

        taken.Clear();
        _spare = taken;
        if (_group.Count > 0)
            commit(_group); // answers every one of them, and does not throw
        _group.Clear();

        lock (_gate)
        {
            if (_queue.Count > 0)
                return false;
            _isLed = false;
            _drained?.SetResult();
            return true;
        }
    }
}
