using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Segments;

/// <summary>Walks over the frames of a segment in their order, checksums included, in reads of a few hundred KiB. For one thread.</summary>
/// <remarks>It is what recovery, verification and the rebuilding of an index have in common.</remarks>
internal sealed class FrameReader(IStorageFile file, SegmentHeader segment, long end)
{
    private const int BufferBytes = 256 * 1024;

    private readonly FrameSalts _salts = segment.Salts;
    private byte[] _buffer = new byte[BufferBytes];
    private long _bufferPosition = SegmentHeader.SizeBytes;
    private int _buffered;

    /// <summary>Where the next frame begins.</summary>
    public long Position { get; private set; } = SegmentHeader.SizeBytes;

    /// <summary>The offset that the next frame must have.</summary>
    public ulong NextOffset { get; private set; } = segment.BaseOffset;

    /// <summary>Whether the walk has come to the end that it was given.</summary>
    public bool IsAtEnd => Position >= end;

    /// <summary>The header of the frame just read.</summary>
    public FrameHeader Frame { get; private set; }

    /// <summary>Where the frame just read begins.</summary>
    public long FramePosition { get; private set; }

    /// <summary>The payload of the frame just read; good until the next call.</summary>
    public ReadOnlyMemory<byte> Payload { get; private set; }

    /// <summary>Moves over one frame; false, without moving, where there is no whole and sound frame with the next offset.</summary>
    public bool TryRead()
    {
        var bytes = Peek(FrameHeader.SizeBytes);
        if (!FrameHeader.TryRead(bytes, Position, _salts, out var frame)
            || frame.FirstOffset != NextOffset
            || frame.FrameBytes > end - Position)
            return false;
        bytes = Peek(frame.FrameBytes);
        if (bytes.Length < frame.FrameBytes || !FrameHeader.ChecksumMatches(bytes, _salts))
            return false;

        Frame = frame;
        FramePosition = Position;
        Payload = _buffer.AsMemory((int)(Position - _bufferPosition) + FrameHeader.SizeBytes, frame.PayloadBytes);
        Position += frame.FrameBytes;
        NextOffset = frame.NextOffset;
        return true;
    }

    /// <summary>The bytes from the position on: as many as asked for, or fewer at the end.</summary>
    private ReadOnlySpan<byte> Peek(int count)
    {
        var start = (int)(Position - _bufferPosition);
        if (_buffered - start < count)
        {
            var wanted = (int)Math.Min(Math.Max(count, BufferBytes), end - Position);
            if (_buffer.Length < wanted)
                _buffer = new byte[wanted];
            _bufferPosition = Position;
            _buffered = file.Read(_buffer.AsSpan(0, wanted), Position);
            start = 0;
        }

        return _buffer.AsSpan(start, Math.Min(count, _buffered - start));
    }
}
