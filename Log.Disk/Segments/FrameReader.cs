using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Segments;

/// <summary>Reads the frames of a segment in order, in reads of a few hundred KiB, and verifies their checksums. Not thread-safe.</summary>
/// <remarks>Shared by recovery, verification, and rebuilding an index.</remarks>
internal sealed class FrameReader(IStorageFile file, SegmentHeader segment, long end)
{
    private const int BufferBytes = 256 * 1024;

    private readonly FrameSalts _salts = segment.Salts;
    private byte[] _buffer = new byte[BufferBytes];
    private long _bufferPosition = SegmentHeader.SizeBytes;
    private int _buffered;

    /// <summary>The position of the next frame.</summary>
    public long Position { get; private set; } = SegmentHeader.SizeBytes;

    /// <summary>The offset that the next frame must have.</summary>
    public ulong NextOffset { get; private set; } = segment.BaseOffset;

    /// <summary>Whether the reader is at the end of the frames.</summary>
    public bool IsAtEnd => Position >= end;

    /// <summary>The header of the current frame.</summary>
    public FrameHeader Frame { get; private set; }

    /// <summary>The position of the current frame.</summary>
    public long FramePosition { get; private set; }

    /// <summary>The payload of the current frame. Valid until the next call.</summary>
    public ReadOnlyMemory<byte> Payload { get; private set; }

    /// <summary>
    /// Moves to the next frame. Returns false, without moving, if there is no whole and sound frame with the next offset.
    /// </summary>
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

    /// <summary>Gets the bytes at the position: as many as requested, or fewer at the end.</summary>
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
