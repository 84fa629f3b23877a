using LogKit.Disk.Format;

namespace LogKit.Disk.Segments;

/// <summary>
/// Where in a segment some of its frames begin: one every few KiB. One writer adds while any number of readers look up, without a
/// lock.
/// </summary>
internal sealed class SegmentIndex(ulong baseOffset)
{
    /// <summary>A frame is entered when this many bytes have passed since the last entry: what a lookup walks over at most.</summary>
    public const int StrideBytes = 16 * 1024;

    private Entry[] _entries = [];
    private int _count;
    private long _nextEntryPosition;

    /// <summary>What was entered so far. 32 bits hold any offset and position of one segment: its size is limited to make it so.</summary>
    internal readonly record struct Entry(uint RelativeOffset, uint Position);

    /// <summary>Whether it comes from a file, and so may be wrong, however sound the file.</summary>
    public bool IsHearsay { get; private init; }

    public ReadOnlySpan<Entry> Entries
    {
        get
        {
            var count = Volatile.Read(ref _count);
            return Volatile.Read(ref _entries).AsSpan(0, count);
        }
    }

    /// <summary>How many entries there are at most for a segment that ends at a position.</summary>
    public static long EntryLimit(long end) => 1 + (end / StrideBytes);

    /// <summary>The index with the entries of a file; null where these cannot be of a segment with this end.</summary>
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

        return new SegmentIndex(baseOffset) { _entries = entries, _count = entries.Length, IsHearsay = true };
    }

    /// <summary>Tells of a frame, in the order in which they stand.</summary>
    public void Add(ulong firstOffset, long position)
    {
        if (position < _nextEntryPosition)
            return;
        _nextEntryPosition = position + StrideBytes;

        // The array is replaced before the count says that it holds more: a reader takes them in the other order.
        var entries = _entries;
        if (_count == entries.Length)
        {
            Array.Resize(ref entries, Math.Max(8, 2 * _count));
            Volatile.Write(ref _entries, entries);
        }

        entries[_count] = new Entry((uint)(firstOffset - baseOffset), (uint)position);
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>Adds what another index tells of the frames behind a place.</summary>
    public void AddAfter(SegmentIndex other, ulong offset, long position)
    {
        foreach (var entry in other.Entries)
        {
            if (entry.Position > position && baseOffset + entry.RelativeOffset > offset)
                Add(baseOffset + entry.RelativeOffset, entry.Position);
        }
    }

    /// <summary>The position of the last entered frame that begins at or before an offset, if any was entered.</summary>
    public long? Find(ulong offset)
    {
        var entries = Entries;
        return IndexOf(entries, offset) is var index && index < 0 ? null : entries[index].Position;
    }

    /// <summary>Where between two entries an offset should be if the frames between them were all of one length.</summary>
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
