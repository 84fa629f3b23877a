using LogKit.Disk.Format;

namespace LogKit.Disk.Segments;

/// <summary>
/// Whole and sound frames, one after the other, as read from the file in one piece: each frame's checksum is checked before the block
/// is made, so a block tells no offset that it does not hold. It never changes, so the batches that are read from it are slices of it:
/// reading on costs neither a system call nor a copy.
/// </summary>
/// <remarks>A batch that is kept keeps its block: at most <see cref="ReadAheadBytes"/>, or a single larger frame.</remarks>
internal sealed class ReadBlock
{
    /// <summary>What a reader that reads on is given at a time. Below the size from which arrays are costly to make and to collect.</summary>
    public const int ReadAheadBytes = 64 * 1024;

    private readonly byte[] _bytes;
    private readonly Entry[] _frames;
    private readonly int _count;
    private readonly long _position;
    private int _next; // the frame that is likely to be read next; a race on it costs a search

    private ReadBlock(Segment segment, long position, byte[] bytes, Entry[] frames, int count)
    {
        Segment = segment;
        _position = position;
        _bytes = bytes;
        _frames = frames;
        _count = count;
    }

    public Segment Segment { get; }

    /// <summary>The offset after the block's last record, and where its frame begins: where a reader reads on.</summary>
    public ulong EndOffset => _frames[_count - 1].Header.NextOffset;

    public long EndPosition => _position + _frames[_count - 1].End;

    public bool Contains(ulong offset) => _frames[0].Header.FirstOffset <= offset && offset < EndOffset;

    /// <summary>Reads the one frame that holds an offset: for a reader that comes from elsewhere.</summary>
    /// <exception cref="RecordCorruptException">There is no way to the frame, or it is damaged.</exception>
    public static ReadBlock LoadFrame(Segment segment, ulong offset)
    {
        if (FrameSearch.TryGuess(segment, offset, out var position, out var header, out var frame))
            return new ReadBlock(segment, position, frame.ToArray(), [new Entry(header, 0)], 1);
        try
        {
            return FindFrame(segment, offset);
        }
        catch (RecordCorruptException)
        {
            segment.CorrectIndex(); // perhaps it is the index that is wrong; another reader may have corrected it meanwhile
            return FindFrame(segment, offset);
        }
    }

    /// <summary>Reads on where a block ended: as many sound frames as come with one read. Null where that is none.</summary>
    public static ReadBlock? LoadAfter(ReadBlock previous)
    {
        var position = previous.EndPosition;
        var bytes = ReadBytes(previous.Segment, position, ReadAheadBytes);
        var frames = Array.Empty<Entry>();
        var count = 0;
        var offset = previous.EndOffset;
        for (var at = 0; FrameHeader.TryRead(bytes.AsSpan(at), position + at, out var header)
            && header.FirstOffset == offset && header.FrameBytes <= bytes.Length - at
            && FrameHeader.ChecksumMatches(bytes.AsSpan(at, header.FrameBytes), previous.Segment.Header.Salt); at += header.FrameBytes)
        {
            if (count == frames.Length)
                Array.Resize(ref frames, count + ((bytes.Length - at) / header.FrameBytes)); // enough, if those that follow are as long
            frames[count++] = new Entry(header, at);
            offset = header.NextOffset;
        }

        return count == 0 ? null : new ReadBlock(previous.Segment, position, bytes, frames, count);
    }

    /// <summary>The records from an offset, which the block must contain, to the end of their batch.</summary>
    public RecordBatch Read(ulong offset)
    {
        var index = _next;
        if ((uint)index >= (uint)_count || _frames[index].Header.FirstOffset != offset)
            index = IndexOf(offset);
        _next = index + 1;

        var (header, at) = _frames[index];
        var batch = RecordBatch.DecodeTrusted(_bytes.AsMemory(at + FrameHeader.SizeBytes, header.PayloadBytes), header.RecordCount);
        return offset == header.FirstOffset ? batch : batch.From((int)(offset - header.FirstOffset));
    }

    private static ReadBlock FindFrame(Segment segment, ulong offset)
    {
        var (position, header) = FrameSearch.Find(segment, offset);
        var bytes = ReadBytes(segment, position, header.FrameBytes);
        if (bytes.Length < header.FrameBytes || !FrameHeader.ChecksumMatches(bytes, segment.Header.Salt))
            throw FrameSearch.Corrupt(segment, offset, position);
        segment.FrameBytes = header.FrameBytes;
        return new ReadBlock(segment, position, bytes, [new Entry(header, 0)], 1);
    }

    private static byte[] ReadBytes(Segment segment, long position, int wantedBytes)
    {
        var bytes = GC.AllocateUninitializedArray<byte>((int)Math.Min(wantedBytes, segment.End - position));
        var read = segment.Read(bytes, position);
        return read == bytes.Length ? bytes : bytes[..read];
    }

    private int IndexOf(ulong offset)
    {
        int low = 0, high = _count - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (_frames[middle].Header.FirstOffset <= offset)
                low = middle;
            else
                high = middle - 1;
        }

        return low;
    }

    private readonly record struct Entry(FrameHeader Header, int At)
    {
        public int End => At + Header.FrameBytes;
    }
}
