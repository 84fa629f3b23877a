namespace LogKit.Disk.Segments;

/// <summary>What readers see of the log at one instant.</summary>
internal sealed class View(Segment[] segments, LogRange range)
{
    public Segment[] Segments { get; } = segments;

    public LogRange Range { get; } = range;

    public Segment SegmentOf(ulong offset) => Segments[IndexOf(offset)];

    /// <summary>The last segment that begins at or before an offset.</summary>
    public int IndexOf(ulong offset)
    {
        int low = 0, high = Segments.Length - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (Segments[middle].BaseOffset <= offset)
                low = middle;
            else
                high = middle - 1;
        }

        return low;
    }
}
