using System.Diagnostics;

namespace LogKit.Disk.Segments;

/// <summary>What readers see of the log at one instant. Immutable, except that the end of the last segment grows.</summary>
internal sealed class LogView
{
    /// <param name="segments">At least one, in the order of their base offsets. Must not be changed afterwards.</param>
    /// <param name="range">The readable offsets.</param>
    public LogView(Segment[] segments, LogRange range)
    {
        Debug.Assert(segments.Length > 0, "a log always has a segment to write to");
        Debug.Assert(
            segments[0].BaseOffset <= range.StartOffset && range.StartOffset <= range.NextOffset, "the range starts in the segments");
        Debug.Assert(segments[^1].BaseOffset <= range.NextOffset, "the range ends in the last segment");
        Debug.Assert(
            segments.Length == 1 || segments[^2].BaseOffset < segments[^1].BaseOffset, "segments are in the order of their base offsets");
        (Segments, Range) = (segments, range);
    }

    public Segment[] Segments { get; }

    public LogRange Range { get; }

    public Segment SegmentOf(ulong offset) => Segments[IndexOf(offset)];

    /// <summary>The index of the last segment that begins at or before an offset.</summary>
    public int IndexOf(ulong offset)
    {
        var index = Segments.AsSpan().BinarySearch(new At(offset));
        return index >= 0 ? index : Math.Max(0, ~index - 1);
    }

    private readonly struct At(ulong offset) : IComparable<Segment>
    {
        public int CompareTo(Segment? segment) => offset.CompareTo(segment!.BaseOffset);
    }
}
