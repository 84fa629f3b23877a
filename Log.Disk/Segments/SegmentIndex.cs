using LogKit.Disk.Format;

namespace LogKit.Disk.Segments;

/// <summary>
/// The positions of some of the frames of a segment, one every few KiB. One writer adds entries while any number of readers search, without
/// a lock.
/// </summary>
internal sealed class SegmentIndex(ulong baseOffset)
{
    /// <summary>The minimum distance between entries, and so about the most that a search must read.</summary>
    public const int StrideBytes = 16 * 1024;

    private Entry[] _entries = [];
    private int _count;
    private long _nextEntryPosition;

    /// <summary>An entry. 32 bits suffice for a relative offset and a position, because the size of a segment is limited.</summary>
    internal readonly record struct Entry(uint RelativeOffset, uint Position);

    /// <summary>Whether the index was read from a file. Then it may be wrong even if the file is sound.</summary>
    public bool IsFromFile { get; private init; }

    public ReadOnlySpan<Entry> Entries
    {
        get
        {
            var count = Volatile.Read(ref _count);
            return Volatile.Read(ref _entries).AsSpan(0, count);
        }
    }

    /// <summary>The most entries that a segment that ends at a position can have.</summary>
    public static long EntryLimit(long end) => 1 + (end / StrideBytes);

    /// <summary>Makes an index from the entries of a file. Returns null if they cannot belong to a segment with this end.</summary>
    public static SegmentIndex? TryOf(ulong baseOffset, Entry[] entries, long end)
    {
        for (var i = 0; i < entries.Length; i++)
        {
            if (entries[i].Position < SegmentHeader.SizeBytes
                || entries[i].Position >= end
                || (i > 0
                    && (entries[i].Position <= entries[i - 1].Position || entries[i].RelativeOffset <= entries[i - 1].RelativeOffset)))
            {
                return null;
            }
        }

        return new SegmentIndex(baseOffset) { _entries = entries, _count = entries.Length, IsFromFile = true };
    }

    /// <summary>Adds a frame. Frames must be added in order.</summary>
    public void Add(ulong firstOffset, long position)
    {
        if (position < _nextEntryPosition)
            return;
        _nextEntryPosition = position + StrideBytes;

        // Replaces the array before raising the count. Readers read them in the opposite order.
        var entries = _entries;
        if (_count == entries.Length)
        {
            Array.Resize(ref entries, Math.Max(8, 2 * _count));
            Volatile.Write(ref _entries, entries);
        }

        entries[_count] = new Entry((uint)(firstOffset - baseOffset), (uint)position);
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>Adds the entries of another index for frames after a position.</summary>
    public void AddAfter(SegmentIndex other, ulong offset, long position)
    {
        foreach (var entry in other.Entries)
        {
            if (entry.Position > position && baseOffset + entry.RelativeOffset > offset)
                Add(baseOffset + entry.RelativeOffset, entry.Position);
        }
    }

    /// <summary>The position of the last entry at or before an offset, if there is one.</summary>
    public long? Find(ulong offset)
    {
        var entries = Entries;
        return IndexOf(entries, offset) is var index && index < 0 ? null : entries[index].Position;
    }

    /// <summary>The position of an offset, assuming that the frames between two entries all have the same length.</summary>
    public long? Interpolate(ulong offset)
    {
        var entries = Entries;
        var index = IndexOf(entries, offset);
        if (index < 0 || index + 1 == entries.Length)
            return null;
        var (before, after) = (entries[index], entries[index + 1]);
        var share = (double)(offset - baseOffset - before.RelativeOffset) / (after.RelativeOffset - before.RelativeOffset);
        return before.Position + (long)(share * (after.Position - before.Position));
    }

    private int IndexOf(ReadOnlySpan<Entry> entries, ulong offset)
    {
        var index = entries.BinarySearch(new At(offset - baseOffset));
        return index >= 0 ? index : ~index - 1;
    }

    private readonly struct At(ulong relativeOffset) : IComparable<Entry>
    {
        public int CompareTo(Entry entry) => relativeOffset.CompareTo(entry.RelativeOffset);
    }
}
