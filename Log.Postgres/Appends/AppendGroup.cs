namespace LogKit.Postgres.Appends;

/// <summary>Appends of one transaction. The first of their rows carries the ID of the group.</summary>
internal sealed class AppendGroup
{
    private readonly List<QueuedAppend> _appends = [];

    /// <summary>The ID. Ordered by time, so that the index on it grows at its end.</summary>
    public Guid Id { get; } = Guid.CreateVersion7();

    public IReadOnlyList<QueuedAppend> Appends => _appends;

    public long SizeBytes { get; private set; }

    public long RecordCount { get; private set; }

    /// <summary>Whether an append of the group expects an offset.</summary>
    public bool IsConditional { get; private set; }

    public void Add(QueuedAppend append)
    {
        _appends.Add(append);
        SizeBytes += append.Batch.SizeBytes;
        RecordCount += append.Batch.Count;
        IsConditional |= append.ExpectedOffset is not null;
    }

    /// <summary>
    /// Reconstructs the lost answer of the database from the offset of the first stored append, in the same way as the function append() in
    /// the database.
    /// </summary>
    public ulong[] OffsetsFrom(ulong first)
    {
        var next = first;
        var offsets = new ulong[_appends.Count];
        for (var i = 0; i < offsets.Length; i++)
        {
            offsets[i] = next;
            if (_appends[i].ExpectedOffset is not { } expected || expected == next)
                next += (ulong)_appends[i].Batch.Count;
        }

        return offsets;
    }

    /// <summary>The next offset of the log after the group, given the offset of each append.</summary>
    public ulong EndOf(ulong[] offsets) =>
        offsets[^1] + (_appends[^1].ExpectedOffset is { } expected && expected != offsets[^1] ? 0 : (ulong)_appends[^1].Batch.Count);

    public void Answer(ulong[] offsets)
    {
        for (var i = 0; i < offsets.Length; i++)
            _appends[i].Answer(offsets[i]);
    }

    public void Fail(Exception exception)
    {
        foreach (var append in _appends)
            append.SetException(exception);
    }
}
