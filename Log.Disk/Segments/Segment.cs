using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Segments;

/// <summary>
/// One segment as readers see it: frames from <see cref="SegmentHeader.SizeBytes"/> to <see cref="End"/>. Only the last segment of
/// a log grows; its end moves when what lies before it may be read.
/// </summary>
/// <remarks>
/// The last segment holds its file and its index. A full one gets both when it is read from, and loses them when others are
/// (<see cref="OpenSegments"/>); a read that is hit by that opens it again.
/// </remarks>
internal sealed class Segment(IStorage storage, OpenSegments open, SegmentHeader header, long end)
{
    /// <summary>Held while the file is opened or closed, or the index is made. Readers take it only if they lack one of them.</summary>
    private readonly Lock _opening = new();
    private IStorageFile? _file; // set under _opening; taken out with Interlocked by whoever closes it
    private SegmentIndex? _index; // set under _opening; dropped without it, as a reader may go on with the one that it has
    private long _end = end; // Volatile: written by the writer alone
    private volatile bool _isGone; // set once

    /// <summary>The segment that is written to.</summary>
    public Segment(IStorage storage, OpenSegments open, SegmentHeader header, long end, IStorageFile file, SegmentIndex index)
        : this(storage, open, header, end)
    {
        _file = file;
        _index = index;
    }

    public SegmentHeader Header { get; } = header;

    public ulong BaseOffset => Header.BaseOffset;

    public string Name => SegmentName.Of(BaseOffset);

    /// <summary>Where the readable frames end. Written by the one writer only.</summary>
    public long End
    {
        get => Volatile.Read(ref _end);
        set => Volatile.Write(ref _end, value);
    }

    /// <summary>Whether it was read since <see cref="OpenSegments"/> last looked. A hint, which any reader sets without a lock.</summary>
    public bool WasUsed { get; set; }

    /// <summary>
    /// The length of the frame that was read last, in bytes. A hint of the next one's, which any reader sets without a lock.
    /// </summary>
    public int FrameBytes { get; set; }

    /// <summary>Tells of a frame that is about to become readable. For the one writer only.</summary>
    public void Add(ulong firstOffset, long position) => _index!.Add(firstOffset, position);

    /// <summary>Says that it is full: the file is no longer written to, and what a reader needs is kept beside it.</summary>
    public void Finish()
    {
        IndexFile.TryWrite(storage, Header, End, _index!);
        open.Add(this);
    }

    /// <summary>A position at or before the frame that holds an offset, which must be before the segment's end.</summary>
    /// <exception cref="ObjectDisposedException">The segment is no longer part of the log; also from the methods below.</exception>
    public long FindPosition(ulong offset) => Index.Find(offset) ?? SegmentHeader.SizeBytes;

    /// <summary>
    /// Where an offset should be if the frames around it were all of one length; null where there is too little to go by.
    /// </summary>
    public long? Interpolate(ulong offset) => Index.Interpolate(offset);

    /// <summary>Sees to it that the index is one made from the segment itself, in the place of one that was read from a file.</summary>
    public void CorrectIndex()
    {
        lock (_opening)
        {
            if (_index is not { IsHearsay: false })
                _index = MakeIndex(_index ?? IndexFile.TryRead(storage, Header, End));
        }
    }

    /// <summary>Reads up to a buffer's length; fewer bytes only at the end of the file.</summary>
    public int Read(Span<byte> buffer, long position)
    {
        while (true)
        {
            var file = Volatile.Read(ref _file) ?? Open();
            if (!WasUsed)
                WasUsed = true;
            try
            {
                return file.Read(buffer, position);
            }
            catch (ObjectDisposedException) when (!_isGone)
            {
                // Closed meanwhile, in favour of another.
            }
        }
    }

    /// <summary>Closes the file and drops the index, until the next read.</summary>
    public void Release()
    {
        Interlocked.Exchange(ref _file, null)?.Dispose();
        _index = null;
    }

    /// <summary>Takes the segment out of the log. Reads of it end with <see cref="ObjectDisposedException"/>.</summary>
    public void Remove()
    {
        _isGone = true;
        lock (_opening)
            Release();
        open.Remove(this);
    }

    private SegmentIndex Index
    {
        get
        {
            if (_index is { } index)
                return index;
            lock (_opening)
                return _index ??= IndexFile.TryRead(storage, Header, End) ?? MakeIndex(hearsay: null);
        }
    }

    private IStorageFile Open()
    {
        IStorageFile opened;
        lock (_opening)
        {
            if (_file is { } file)
                return file;
            Volatile.Write(ref _file, opened = OpenFile());
        }

        open.Add(this);
        return opened;
    }

    private SegmentIndex MakeIndex(SegmentIndex? hearsay)
    {
        var index = new SegmentIndex(BaseOffset);
        using var file = OpenFile();
        var frames = new FrameReader(file, Header, End);
        while (frames.TryRead())
            index.Add(frames.Frame.FirstOffset, frames.FramePosition);
        if (frames.IsAtEnd)
            IndexFile.TryWrite(storage, Header, End, index);
        else if (hearsay is not null)
            index.AddAfter(hearsay, frames.NextOffset, frames.Position); // behind damage, hearsay is all that there is
        return index;
    }

    private IStorageFile OpenFile()
    {
        ObjectDisposedException.ThrowIf(_isGone, typeof(DiskLog));
        return storage.Open(Name, canWrite: false);
    }
}
