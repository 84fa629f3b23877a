using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Segments;

/// <summary>
/// A segment as readers see it: frames from <see cref="SegmentHeader.SizeBytes"/> to <see cref="End"/>. Only the last segment of a log
/// grows: its end moves when frames become readable.
/// </summary>
/// <remarks>
/// The last segment keeps its file open and its index in memory. A full segment gets both when it is read, and may lose them when others
/// are read (<see cref="OpenSegments"/>). A read that loses its file opens it again.
/// </remarks>
internal sealed class Segment(IStorage storage, OpenSegments open, SegmentHeader header, long end)
{
    /// <summary>Held while the file is opened or closed, or the index is made. Readers take it only if they lack one of them.</summary>
    private readonly Lock _opening = new();
    private IStorageFile? _file; // set under _opening; taken out with Interlocked by whoever closes it
    private SegmentIndex? _index; // set under _opening; dropped without it, as a reader may go on with the one that it has
    private long _end = end; // Volatile: written by the writer alone
    private volatile bool _isGone; // set once

    /// <summary>Makes the segment that is written to.</summary>
    public Segment(IStorage storage, OpenSegments open, SegmentHeader header, long end, IStorageFile file, SegmentIndex index)
        : this(storage, open, header, end)
    {
        _file = file;
        _index = index;
    }

    public SegmentHeader Header { get; } = header;

    public ulong BaseOffset => Header.BaseOffset;

    public string Name => SegmentName.Of(BaseOffset);

    /// <summary>The position at which the readable frames end. Set by the writer only.</summary>
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

    /// <summary>Adds a frame, which is about to become readable, to the index. Called by the writer only.</summary>
    public void Add(ulong firstOffset, long position) => _index!.Add(firstOffset, position);

    /// <summary>Marks the segment as full: the file is no longer written to, and the index is stored.</summary>
    public void Finish()
    {
        IndexFile.TryWrite(storage, Header, End, _index!);
        open.Add(this);
    }

    /// <summary>Finds a position at or before the frame that contains an offset, which must be before the end of the segment.</summary>
    /// <exception cref="ObjectDisposedException">
    /// The segment is no longer part of the log. The methods below throw this exception, too.
    /// </exception>
    public long FindPosition(ulong offset) => Index.Find(offset) ?? SegmentHeader.SizeBytes;

    /// <summary>
    /// The position of an offset if the frames around it all have the same length; null if the index does not say enough.
    /// </summary>
    public long? Interpolate(ulong offset) => Index.Interpolate(offset);

    /// <summary>Replaces an index that was read from a file with one that is built from the segment.</summary>
    public void CorrectIndex()
    {
        lock (_opening)
        {
            if (_index is not { IsFromFile: false })
                _index = MakeIndex(_index ?? IndexFile.TryRead(storage, Header, End));
        }
    }

    /// <summary>Reads into a buffer. Returns fewer bytes than its length only at the end of the file.</summary>
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
                // The file was closed meanwhile, to open another.
            }
        }
    }

    /// <summary>Closes the file and releases the index until the next read.</summary>
    public void Release()
    {
        Interlocked.Exchange(ref _file, null)?.Dispose();
        _index = null;
    }

    /// <summary>Removes the segment from the log. Reads of it fail with <see cref="ObjectDisposedException"/>.</summary>
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
                return _index ??= IndexFile.TryRead(storage, Header, End) ?? MakeIndex(stored: null);
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

    private SegmentIndex MakeIndex(SegmentIndex? stored)
    {
        var index = new SegmentIndex(BaseOffset);
        using var file = OpenFile();
        var frames = new FrameReader(file, Header, End);
        while (frames.TryRead())
            index.Add(frames.Frame.FirstOffset, frames.FramePosition);
        if (frames.IsAtEnd)
            IndexFile.TryWrite(storage, Header, End, index);
        else if (stored is not null)
            index.AddAfter(stored, frames.NextOffset, frames.Position); // behind damage, the old index is all that there is
        return index;
    }

    private IStorageFile OpenFile()
    {
        ObjectDisposedException.ThrowIf(_isGone, typeof(DiskLog));
        return storage.Open(Name, canWrite: false);
    }
}
