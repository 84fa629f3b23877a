using LogKit.Disk.Format;

namespace LogKit.Disk.Segments;

/// <summary>
/// A run of whole frames, as read from the file in one piece. It never changes, so the batches that are read from it are slices
/// of it: reading on costs neither a system call nor a copy.
/// </summary>
/// <remarks>A batch that is kept keeps its block: at most <see cref="ReadAheadBytes"/>, or a single larger frame.</remarks>
internal sealed class ReadBlock
{
    /// <summary>What a reader that goes through the log reads at a time.</summary>
    public const int ReadAheadBytes = 64 * 1024;

    /// <summary>What is read first: enough to come from an index entry to the frame.</summary>
    public const int FirstReadBytes = SegmentIndex.StrideBytes;

    private readonly Segment _segment;
    private readonly byte[] _bytes;
    private readonly List<Position> _frames;

    private ReadBlock(Segment segment, byte[] bytes, List<Position> frames, ulong endOffset)
    {
        _segment = segment;
        _bytes = bytes;
        _frames = frames;
        EndOffset = endOffset;
    }

    /// <summary>The offset after the block's last record: where a reader goes on.</summary>
    public ulong EndOffset { get; }

    public bool Contains(ulong offset) => _frames[0].FirstOffset <= offset && offset < EndOffset;

    /// <summary>Reads from the file the block that holds an offset.</summary>
    /// <param name="segment">The segment that holds the offset.</param>
    /// <param name="offset">Lies before the segment's readable end.</param>
    /// <param name="wantedBytes">How much to read, unless the frame is longer or the segment ends first.</param>
    /// <exception cref="RecordCorruptException">There is no way to the frame.</exception>
    public static ReadBlock Load(Segment segment, ulong offset, int wantedBytes)
    {
        var position = segment.FindPosition(offset);
        ulong? expectedOffset = null;
        while (true)
        {
            var bytes = ReadBytes(segment, position, wantedBytes);
            var frames = WholeFrames(bytes, position, ref expectedOffset, out var consumed, out var nextFrameBytes);
            if (expectedOffset > offset)
            {
                var block = new ReadBlock(segment, bytes, frames, expectedOffset.Value);
                return block.Contains(offset) ? block : throw Corrupt(segment, offset, position);
            }

            // The wanted frame comes later, or begins here and is longer than what was read.
            position += consumed;
            var isLonger = nextFrameBytes > bytes.Length - consumed && nextFrameBytes <= segment.End - position;
            if (!isLonger)
                throw Corrupt(segment, offset, position);
            wantedBytes = Math.Max(wantedBytes, nextFrameBytes);
        }
    }

    /// <summary>The records from an offset, which the block must contain, to the end of their batch; checks the checksum.</summary>
    /// <exception cref="RecordCorruptException">The frame is damaged.</exception>
    public RecordBatch Read(ulong offset)
    {
        var position = _frames[IndexOf(offset)].InBlock;
        var isFrame = FrameHeader.TryRead(_bytes.AsSpan(position), long.MaxValue, out var frame);
        if (!isFrame || !FrameHeader.ChecksumMatches(_bytes.AsSpan(position, frame.FrameBytes), _segment.Header.Salt))
            throw new RecordCorruptException(offset, new InvalidDataException($"checksum mismatch in {_segment.Name}"));
        var batch = RecordBatch.Decode(_bytes.AsMemory(position + FrameHeader.SizeBytes, frame.PayloadBytes));
        return batch.From((int)(offset - frame.FirstOffset));
    }

    private static byte[] ReadBytes(Segment segment, long position, int wantedBytes)
    {
        var bytes = new byte[(int)Math.Min(wantedBytes, segment.End - position)];
        var read = segment.File.Read(bytes, position);
        return read == bytes.Length ? bytes : bytes[..read];
    }

    /// <summary>The frames that stand whole in some bytes, one after the other, until the bytes end or make no sense.</summary>
    /// <param name="bytes">What was read.</param>
    /// <param name="position">Where in the file it stands.</param>
    /// <param name="expectedOffset">The offset that the next frame must have, if that is known; then that of the one after the last.</param>
    /// <param name="consumed">The length of these frames together.</param>
    /// <param name="nextFrameBytes">The least length of what follows: more than is left where the bytes end in the middle of a frame.</param>
    private static List<Position> WholeFrames(
        ReadOnlySpan<byte> bytes, long position, ref ulong? expectedOffset, out int consumed, out int nextFrameBytes)
    {
        var frames = new List<Position>();
        consumed = 0;
        nextFrameBytes = FrameHeader.SizeBytes;
        while (bytes.Length - consumed >= FrameHeader.SizeBytes)
        {
            if (!FrameHeader.TryRead(bytes[consumed..], position + consumed, out var frame)
                || frame.FirstOffset != (expectedOffset ?? frame.FirstOffset))
            {
                nextFrameBytes = 0;
                break;
            }

            nextFrameBytes = frame.FrameBytes;
            if (frame.FrameBytes > bytes.Length - consumed)
                break;
            frames.Add(new Position(frame.FirstOffset, consumed));
            consumed += frame.FrameBytes;
            expectedOffset = frame.NextOffset;
            nextFrameBytes = FrameHeader.SizeBytes;
        }

        return frames;
    }

    private static RecordCorruptException Corrupt(Segment segment, ulong offset, long position) => new(offset, new InvalidDataException(
        FormattableString.Invariant($"no sound frame at byte {position} of {segment.Name}")));

    private int IndexOf(ulong offset)
    {
        int low = 0, high = _frames.Count - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (_frames[middle].FirstOffset <= offset)
                low = middle;
            else
                high = middle - 1;
        }

        return low;
    }

    private readonly record struct Position(ulong FirstOffset, int InBlock);
}
