using LogKit.Disk.Format;

namespace LogKit.Disk.Segments;

/// <summary>
/// Consecutive whole frames that were read from the file at once. Their checksums are verified before the block is made. A block is
/// immutable, so the batches that are read from it are slices of it: sequential reads cost neither a system call nor a copy.
/// </summary>
/// <remarks>A batch keeps its block in memory: at most <see cref="ReadAheadBytes"/>, or a single larger frame.</remarks>
internal sealed class ReadBlock
{
    /// <summary>
    /// The size of a sequential read. Below the size at which arrays go to the large object heap.
    /// </summary>
    public const int ReadAheadBytes = 80 * 1024;

    private static readonly int[] FirstOnly = [0];

    private readonly byte[] _bytes;
    private readonly int[] _frames; // the position of each frame in _bytes
    private readonly int _count;
    private readonly ulong _firstOffset;
    private readonly int _lastFrameBytes;
    private int _next; // a hint of the frame that is read next, set by any reader; a race costs a search

    /// <param name="segment">The segment of the frames.</param>
    /// <param name="bytes">The frames, possibly followed by more.</param>
    /// <param name="frames">The position of each frame in the bytes, possibly followed by more.</param>
    /// <param name="count">The number of frames.</param>
    /// <param name="last">The header of the last frame.</param>
    /// <param name="end">The position in the segment after the last frame.</param>
    private ReadBlock(Segment segment, byte[] bytes, int[] frames, int count, FrameHeader last, long end)
    {
        Segment = segment;
        _bytes = bytes;
        _frames = frames;
        _count = count;
        _firstOffset = FrameHeader.ReadFirstOffset(bytes.AsSpan(frames[0]));
        EndOffset = last.NextOffset;
        _lastFrameBytes = last.FrameBytes;
        EndPosition = end;
    }

    public Segment Segment { get; }

    /// <summary>The offset after the last record of the block, at which the next block continues.</summary>
    public ulong EndOffset { get; }

    public long EndPosition { get; }

    public bool Contains(ulong offset) => _firstOffset <= offset && offset < EndOffset;

    /// <summary>Reads the frame that contains an offset. For random reads.</summary>
    /// <exception cref="RecordCorruptException">The frame is damaged, or damage prevents finding it.</exception>
    public static ReadBlock LoadFrame(Segment segment, ulong offset)
    {
        if (FrameSearch.TryGuess(segment, offset, out var position, out var header, out var frame))
            return new ReadBlock(segment, frame.ToArray(), FirstOnly, 1, header, position + header.FrameBytes);
        try
        {
            return FindFrame(segment, offset);
        }
        catch (RecordCorruptException)
        {
            segment.CorrectIndex(); // the index may be wrong; another reader may have corrected it meanwhile
            return FindFrame(segment, offset);
        }
    }

    /// <summary>Reads the sound frames after a block, as many as one read returns. Returns null if there are none.</summary>
    public static ReadBlock? LoadAfter(ReadBlock previous)
    {
        var position = previous.EndPosition;
        var partBytes = ReadAheadBytes % previous._lastFrameBytes; // avoids reading part of a frame, if all have this length
        var bytes = ReadBytes(previous.Segment, position, partBytes == ReadAheadBytes ? ReadAheadBytes : ReadAheadBytes - partBytes);
        var frames = Array.Empty<int>();
        var count = 0;
        var offset = previous.EndOffset;
        FrameHeader last = default;
        var at = 0;
        var salts = previous.Segment.Header.Salts;
        while (FrameHeader.TryRead(bytes.AsSpan(at), position + at, salts, out var header)
            && header.FirstOffset == offset && header.FrameBytes <= bytes.Length - at
            && FrameHeader.ChecksumMatches(bytes.AsSpan(at, header.FrameBytes), salts))
        {
            if (count == frames.Length)
                // Enough if the following frames have the same length.
                Array.Resize(ref frames, count + ((bytes.Length - at) / header.FrameBytes));
            frames[count++] = at;
            at += header.FrameBytes;
            offset = header.NextOffset;
            last = header;
        }

        return count == 0 ? null : new ReadBlock(previous.Segment, bytes, frames, count, last, position + at);
    }

    /// <summary>Reads the records from an offset, which the block must contain, to the end of their batch.</summary>
    public RecordBatch Read(ulong offset) => ReadFrame(FrameOf(offset), offset);

    /// <summary>Also reads the batches after it in the block, up to a limit and the end of the log.</summary>
    public List<RecordBatch> Read(ulong offset, ulong endOffset, int limitBytes)
    {
        var index = FrameOf(offset);
        var batches = new List<RecordBatch> { ReadFrame(index, offset) };
        long sizeBytes = batches[0].SizeBytes;
        while (++index < _count && FirstOffsetOf(index) is var first && first < endOffset)
        {
            var batch = ReadFrame(index, first);
            if ((sizeBytes += batch.SizeBytes) > limitBytes)
                break;
            batches.Add(batch);
        }

        _next = index;
        return batches;
    }

    private static ReadBlock FindFrame(Segment segment, ulong offset)
    {
        var (position, header) = FrameSearch.Find(segment, offset);
        var bytes = ReadBytes(segment, position, header.FrameBytes);
        if (bytes.Length < header.FrameBytes || !FrameHeader.ChecksumMatches(bytes, segment.Header.Salts))
            throw FrameSearch.Corrupt(segment, offset, position);
        segment.FrameBytes = header.FrameBytes;
        return new ReadBlock(segment, bytes, FirstOnly, 1, header, position + header.FrameBytes);
    }

    private static byte[] ReadBytes(Segment segment, long position, int wantedBytes)
    {
        var bytes = GC.AllocateUninitializedArray<byte>((int)Math.Min(wantedBytes, segment.End - position));
        var read = segment.Read(bytes, position);
        return read == bytes.Length ? bytes : bytes[..read];
    }

    private int FrameOf(ulong offset)
    {
        var index = _next;
        if ((uint)index >= (uint)_count || FirstOffsetOf(index) != offset)
            index = IndexOf(offset);
        _next = index + 1;
        return index;
    }

    private RecordBatch ReadFrame(int index, ulong offset)
    {
        var at = _frames[index];
        var header = FrameHeader.ReadTrusted(_bytes.AsSpan(at)); // verified when the block was made
        var batch = RecordBatch.DecodeTrusted(_bytes.AsMemory(at + FrameHeader.SizeBytes, header.PayloadBytes), header.RecordCount);
        return offset == header.FirstOffset ? batch : batch.From((int)(offset - header.FirstOffset));
    }

    private int IndexOf(ulong offset)
    {
        var index = _frames.AsSpan(0, _count).BinarySearch(new At(offset, _bytes));
        return index >= 0 ? index : ~index - 1;
    }

    private readonly struct At(ulong offset, byte[] bytes) : IComparable<int>
    {
        public int CompareTo(int frame) => offset.CompareTo(FrameHeader.ReadFirstOffset(bytes.AsSpan(frame)));
    }

    private ulong FirstOffsetOf(int index) => FrameHeader.ReadFirstOffset(_bytes.AsSpan(_frames[index]));
}
