using System.Diagnostics;

namespace LogKit.Disk.Commit;

/// <summary>
/// Turns concurrent appends into groups. An append that finds nobody leading starts a group: its caller leads on its own thread, or lets
/// a pool thread lead (<see cref="LeadPolicy"/>). Whatever is queued meanwhile forms the next group, which a pool thread leads, so that no
/// caller works for others for long.
/// </summary>
/// <remarks>
/// <code>
///                 an append finds nobody leading
///   nobody leads ------------------------------> the caller leads  --+
///        ^   |                                      |                | appends were queued meanwhile
///        |   | the caller pipelines, or is          | none           v
///        |   | a continuation of the last group     | queued     a pool thread leads &lt;--+
///        |   +--------------------------------------|----------> |       |   |          | appends were
///        |                                          |            |       |   +----------+ queued meanwhile
///        +------------------------------------------+------------+-------+ none queued
/// </code>
/// A lone caller never waits: a group consists of what arrived while the previous group was flushed and its callers got their answers. So
/// callers that append again as soon as they get an answer end up in the same group. Only <see cref="GroupAnswers.TryDefer"/> defers a
/// group, for those callers, and for at most a millisecond.
/// </remarks>
/// <param name="committer">Writes the groups.</param>
/// <param name="owner">The log, whose type name appears in the <see cref="ObjectDisposedException"/> of late appends.</param>
internal sealed class GroupCommit(IGroupCommitter committer, ILog owner)
{
    private readonly Lock _gate = new();
    private readonly LeadPolicy _policy = new(); // under _gate
    private readonly Stack<GroupAnswers> _unusedAnswers = []; // under _gate
    private List<PendingAppend> _queue = []; // under _gate; in the order of the calls
    private bool _isLed; // under _gate; a thread leads, or is about to
    private TaskCompletionSource? _drained; // under _gate; set once, after which nothing is queued
    private List<PendingAppend> _emptyQueue = []; // used by the leader only, like _group; the lead passes between threads under _gate
    private readonly Group _group = new();

    /// <summary>Queues an append and completes once its group is committed.</summary>
    public ValueTask<ulong> AppendAsync(RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken)
    {
        var append = PendingAppend.Rent(batch, expectedOffset);
        var task = append.Task(cancellationToken);
        bool callerLeads;
        lock (_gate)
        {
            if (_drained is not null)
            {
                if (append.TryTake()) // otherwise it was canceled, which answers it
                {
                    append.Refuse(new ObjectDisposedException(owner.GetType().FullName));
                    append.Answer();
                }

                return task;
            }

            _queue.Add(append);
            if (_isLed)
                return task;
            _isLed = true;
            callerLeads = _policy.CallerLeads();
        }

        if (GroupAnswers.CurrentOf(this) is { } answers && answers.TryDefer(QueueLead))
            return task; // callers that get their answers after this one join the group first
        if (!callerLeads || !TryCommitQueued(append))
            QueueLead();
        return task;
    }

    /// <summary>Refuses later appends, and completes when all earlier ones are committed.</summary>
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
            // Another group has formed meanwhile.
        }
    }

    /// <summary>Commits what is queued. Returns true if nothing was queued meanwhile; then nobody leads.</summary>
    /// <param name="caller">The append whose caller leads; null on a pool thread.</param>
    private bool TryCommitQueued(PendingAppend? caller)
    {
        List<PendingAppend> taken;
        lock (_gate)
        {
            Debug.Assert(_isLed, "whoever commits leads");
            taken = _queue;
            _queue = _emptyQueue;
        }

        Debug.Assert(_group.Count == 0, "the group before is settled and gone");
        foreach (var append in taken)
        {
            if (append.TryTake())
                _group.Add(append);
        }

        taken.Clear();
        _emptyQueue = taken;
        var size = _group.Count;
        var answers = CommitGroup(caller);
        _group.Clear();

        bool isLast;
        lock (_gate)
        {
            _policy.Committed(caller, size);
            isLast = _queue.Count == 0;
            if (isLast)
            {
                _isLed = false;
                _drained?.SetResult();
            }
        }

        // No continuation of a caller runs while this thread leads.
        if (isLast && caller is null)
            answers?.Run();
        else
            answers?.Queue();
        return isLast;
    }

    /// <summary>Commits the group, in several writes if needed. Returns the answers of the last write.</summary>
    private GroupAnswers? CommitGroup(PendingAppend? caller)
    {
        GroupAnswers? answers = null;
        while (!_group.IsSettled)
        {
            answers?.Queue();
            answers = null;
            var before = _group.SettledCount;
            committer.Commit(_group);
            Debug.Assert(_group.SettledCount > before, "a commit settles at least one append");
            foreach (var append in _group.SettledSince(before))
            {
                if (append == caller)
                    append.Answer(); // the caller does not have the task yet, so this runs no continuation
                else
                    (answers ??= RentAnswers()).Add(append);
            }
        }

        return answers;
    }

    private GroupAnswers RentAnswers()
    {
        lock (_gate)
            return _unusedAnswers.TryPop(out var answers) ? answers : new GroupAnswers(this, Return);
    }

    private void Return(GroupAnswers answers)
    {
        lock (_gate)
            _unusedAnswers.Push(answers);
    }
}
