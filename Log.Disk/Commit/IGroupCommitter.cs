namespace LogKit.Disk.Commit;

/// <summary>Writes groups of appends to the log.</summary>
internal interface IGroupCommitter
{
    /// <summary>
    /// Commits or refuses appends of a group, starting with the first unsettled one: as many as fit in one write, and at least one. Never
    /// throws. Called by one thread at a time.
    /// </summary>
    void Commit(Group group);
}
