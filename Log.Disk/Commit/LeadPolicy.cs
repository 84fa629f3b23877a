namespace LogKit.Disk.Commit;

/// <summary>
/// Decides who leads the next group: the caller that found nobody leading, which saves a hop to another thread, or a pool thread.
/// </summary>
/// <remarks>
/// A caller that pipelines must not lead, or each of its appends would form its own group. We recognize one by its appending again before
/// it has consumed the result of the append it led. After that, pool threads lead until <see cref="PoolGroups"/> groups of a single append
/// in a row show that nothing is being pipelined. Every member is called under the lock of <see cref="GroupCommit"/>.
/// </remarks>
internal sealed class LeadPolicy
{
    /// <summary>The number of consecutive groups of a single append after which callers may lead again.</summary>
    public const int PoolGroups = 64;

    private PendingAppend.Answered _ledByCaller; // the append of the last caller that led
    private int _poolGroups; // remaining until callers lead again

    /// <summary>Decides whether a caller that found nobody leading leads.</summary>
    public bool CallerLeads()
    {
        if (_ledByCaller.IsNotTaken)
            _poolGroups = PoolGroups;
        return _poolGroups == 0;
    }

    /// <summary>Records that a group was committed.</summary>
    /// <param name="leader">The append whose caller led; null if a pool thread did.</param>
    /// <param name="size">The number of appends in the group.</param>
    public void Committed(PendingAppend? leader, int size)
    {
        _ledByCaller = leader?.AsAnswered ?? default;
        if (_poolGroups > 0)
            _poolGroups = size > 1 ? PoolGroups : _poolGroups - 1;
    }
}
