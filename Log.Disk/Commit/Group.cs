using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LogKit.Disk.Commit;

/// <summary>
/// Appends that are committed together, and how many of them are settled. Used only by the thread that leads the group.
/// </summary>
internal sealed class Group
{
    private readonly List<PendingAppend> _appends = [];

    public int Count => _appends.Count;

    /// <summary>The number of leading appends that are settled, that is, committed or refused.</summary>
    public int SettledCount { get; private set; }

    public bool IsSettled => SettledCount == _appends.Count;

    /// <summary>The appends that are not settled yet, in the order of their calls.</summary>
    public ReadOnlySpan<PendingAppend> Unsettled => CollectionsMarshal.AsSpan(_appends)[SettledCount..];

    public void Add(PendingAppend append) => _appends.Add(append);

    /// <summary>Marks the next appends as settled.</summary>
    public void Settle(int count)
    {
        Debug.Assert(count > 0, "a commit settles at least one append");
        Debug.Assert(count <= _appends.Count - SettledCount, "no append is settled twice");
        SettledCount += count;
    }

    /// <summary>The appends that were settled after the first <paramref name="count"/>.</summary>
    public ReadOnlySpan<PendingAppend> SettledSince(int count) => CollectionsMarshal.AsSpan(_appends)[count..SettledCount];

    public void Clear()
    {
        _appends.Clear();
        SettledCount = 0;
    }
}
