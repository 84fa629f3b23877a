namespace LogKit.Disk.Commit;

/// <summary>Writes groups of appends to the log.</summary>
internal interface IGroupCommitter
{
    /// <summary>
    /// Settles appends of a group, from its first unsettled one on: as many as fit one write, and at least one. Each is committed or
    /// refused. Does not throw, and is called by one thread at a time.
    /// </summary>
    void Commit(Group group);
}
