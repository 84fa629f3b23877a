namespace LogKit.Postgres.Appends;

/// <summary>Appends that are one transaction, under an id that the first of their rows carries.</summary>
internal sealed class AppendGroup
{
    private readonly List<QueuedAppend> _appends = [];

    /// <summary>In the order of time, so that the index on it grows at its end.</summary>
    public Guid Id { get; } = Guid.CreateVersion7();

    public IReadOnlyList<QueuedAppend> Appends => _appends;

    public long SizeBytes { get; private set; }

    public long RecordCount { get; private set; }

    /// <summary>Whether any of them expects an offset.</summary>
    public bool IsConditional { get; private set; }

    public void Add(QueuedAppend append)
    {
        _appends.Add(append);
        SizeBytes += append.Batch.SizeBytes;
        RecordCount += append.Batch.Count;
        IsConditional |= append.ExpectedOffset is not null;
    }

    /// <summary>
    /// The answer that the database gave and that was lost, from where the first of the group that was stored is: the same walk as in
    /// the database's append().
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

    /// <summary>Where the log ended when the group was in it, given each append's offset.</summary>
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
