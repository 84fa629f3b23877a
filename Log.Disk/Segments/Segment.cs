using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Segments;

/// <summary>
/// One segment as readers see it: frames from <see cref="SegmentHeader.SizeBytes"/> to <see cref="End"/>. Only the last segment of
/// a log grows; its end moves when what lies before it may be read.
/// </summary>
internal sealed class Segment(SegmentHeader header, IStorageFile file, long end, SegmentIndex? index) : IDisposable
{
    private readonly Lock _indexing = new();
    private SegmentIndex? _index = index;
    private long _end = end;

    public SegmentHeader Header { get; } = header;

    public ulong BaseOffset => Header.BaseOffset;

    public IStorageFile File { get; } = file;

    public string Name => SegmentName.Of(BaseOffset);

    /// <summary>Where the readable frames end. Written by the one writer only.</summary>
    public long End
    {
        get => Volatile.Read(ref _end);
        set => Volatile.Write(ref _end, value);
    }

    /// <summary>Tells of a frame that is about to become readable. For the one writer only.</summary>
    public void Enter(ulong firstOffset, long position) => _index?.Add(firstOffset, position);

    /// <summary>A position at or before the frame that holds an offset, which must be before the segment's end.</summary>
    public long FindPosition(ulong offset) => (_index ?? BuildIndex()).Find(offset) ?? SegmentHeader.SizeBytes;

    /// <summary>Where an offset should be if the frames around it were all of one length; null where there is too little to go by.</summary>
    public long? Interpolate(ulong offset) => (_index ?? BuildIndex()).Interpolate(offset);

    public void Dispose() => File.Dispose();

    // An old segment is walked over when it is first read from, not when the log is opened.
    private SegmentIndex BuildIndex()
    {
        lock (_indexing)
        {
            if (_index is { } built)
                return built;
            var rebuilt = new SegmentIndex(BaseOffset);
            var frames = new FrameReader(File, Header, End);
            while (frames.TryRead())
                rebuilt.Add(frames.Frame.FirstOffset, frames.FramePosition);
            return _index = rebuilt;
        }
    }
}
