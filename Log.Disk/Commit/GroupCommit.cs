using System.Runtime.InteropServices;

namespace LogKit.Disk.Commit;

/// <summary>
/// Turns concurrent appends into groups. An append that finds nobody at work leads: it commits what is queued, itself included, on
/// its own thread, without a hop to another. What queued up meanwhile forms the next group, which a pool thread leads, so that no
/// caller works for others for long.
/// </summary>
/// <remarks>
/// <para>There is no linger: a group is what came while the one before it was being flushed, and while its callers were told. So callers
/// that append again at once, on being told, meet in one group.</para>
/// <para>A caller that sends ahead must not lead, or each of its appends would be a group of its own. It is known by this: when it
/// appends again, it has not taken the answer to the append that it led.</para>
/// </remarks>
/// <param name="commit">
/// Commits appends of a group from an index on, settles those that it returns the number of, at least one, and does not throw.
/// </param>
/// <param name="closed">Makes the exception for appends that come too late.</param>
internal sealed class GroupCommit(Func<List<PendingAppend>, int, int> commit, Func<Exception> closed)
{
    /// <summary>After how many groups of a single append a caller may lead again that was seen to send ahead.</summary>
    private const int SendsAheadGroups = 64;

    private readonly Lock _gate = new();
    private readonly List<PendingAppend> _group = [];
    private readonly Stack<GroupAnswers> _spareAnswers = [];
    private List<PendingAppend> _queue = [];
    private List<PendingAppend> _spare = [];
    private bool _isLed;
    private PendingAppend.Answered _lastLed;
    private int _sendsAhead; // groups of one until callers lead again
    private TaskCompletionSource? _drained;

    /// <summary>Queues an append and completes once its group is committed.</summary>
    public ValueTask<ulong> AppendAsync(RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken)
    {
        var append = PendingAppend.Rent(batch, expectedOffset);
        var task = append.Task(cancellationToken);
        bool leads;
        bool sendsAhead;
        lock (_gate)
        {
            if (_drained is not null)
            {
                if (append.TryTake()) // otherwise it was cancelled, which answers it
                {
                    append.Refuse(closed());
                    append.Answer();
                }

                return task;
            }

            _queue.Add(append);
            leads = !_isLed;
            _isLed = true;
            if (leads && _lastLed.IsNotTaken)
                _sendsAhead = SendsAheadGroups;
            sendsAhead = _sendsAhead > 0;
        }

        if (!leads)
            return task;
        if (GroupAnswers.CurrentOf(this) is { } answers && answers.TryPutOff(QueueLead))
            return task; // those told after this caller join the group first
        if (sendsAhead || !TryCommitQueued(append))
            QueueLead();
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

    private void QueueLead() => ThreadPool.UnsafeQueueUserWorkItem(static self => self.Lead(), this, preferLocal: false);

    private void Lead()
    {
        while (!TryCommitQueued(caller: null))
        {
            // The next group has formed meanwhile.
        }
    }

    /// <summary>Commits the queue as it is; true where nothing has come meanwhile, and the lead is given up.</summary>
    /// <param name="caller">The append on whose caller's thread this happens; null on a thread of the pool.</param>
    private bool TryCommitQueued(PendingAppend? caller)
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
        var size = _group.Count;
        var answers = CommitGroup(caller);
        _group.Clear();

        bool isLast;
        lock (_gate)
        {
            _lastLed = caller?.AsAnswered ?? default;
            _sendsAhead = _sendsAhead == 0 ? 0 : size > 1 ? SendsAheadGroups : _sendsAhead - 1;
            isLast = _queue.Count == 0;
            if (isLast)
            {
                _isLed = false;
                _drained?.SetResult();
            }
        }

        // Nothing of a caller's runs while this thread leads.
        if (isLast && caller is null)
            answers?.Run();
        else
            answers?.Queue();
        return isLast;
    }

    /// <summary>Commits the group, in as many parts as it takes; returns the answers to the last.</summary>
    private GroupAnswers? CommitGroup(PendingAppend? caller)
    {
        GroupAnswers? answers = null;
        for (var done = 0; done < _group.Count;)
        {
            answers?.Queue();
            answers = null;
            var count = commit(_group, done);
            foreach (var append in CollectionsMarshal.AsSpan(_group).Slice(done, count))
            {
                if (append == caller)
                    append.Answer(); // it has not been given its task yet, so this runs nothing
                else
                    (answers ??= RentAnswers()).Add(append);
            }

            done += count;
        }

        return answers;
    }

    private GroupAnswers RentAnswers()
    {
        lock (_gate)
            return _spareAnswers.TryPop(out var answers) ? answers : new GroupAnswers(this, Return);
    }

    private void Return(GroupAnswers answers)
    {
        lock (_gate)
            _spareAnswers.Push(answers);
    }
}
