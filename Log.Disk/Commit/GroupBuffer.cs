using System.Diagnostics;
using LogKit.Disk.Format;

namespace LogKit.Disk.Commit;

/// <summary>The frames of a group, contiguous, so that one call writes them.</summary>
internal sealed class GroupBuffer
{
    /// <summary>The limit on one write. A batch that is larger gets a write of its own.</summary>
    private const int LimitBytes = 4 * 1024 * 1024;

    private byte[] _bytes = new byte[64 * 1024];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    /// <summary>The first offset of each frame, and its position in the buffer.</summary>
    public List<(ulong FirstOffset, int Position)> Frames { get; } = [];

    public void Clear()
    {
        Length = 0;
        Frames.Clear();
        if (_bytes.Length > LimitBytes)
            _bytes = new byte[LimitBytes]; // frees what a single large batch needed
    }

    public bool HasRoomFor(int frameBytes) => Length == 0 || Length + frameBytes <= LimitBytes;

    public void Add(RecordBatch batch, ulong firstOffset, long flushedPosition, FrameSalts salts)
    {
        Debug.Assert(Frames.Count == 0 || Frames[^1].FirstOffset < firstOffset, "frames are in the order of their offsets");
        var header = new FrameHeader(batch.SizeBytes, batch.Count, firstOffset, flushedPosition);
        if (_bytes.Length < Length + header.FrameBytes)
            Array.Resize(ref _bytes, Math.Max(Length + header.FrameBytes, Math.Min(2 * _bytes.Length, LimitBytes)));
        var frame = _bytes.AsSpan(Length, header.FrameBytes);
        batch.Encoded.Span.CopyTo(frame[FrameHeader.SizeBytes..]);
        header.Write(frame, salts);
        Frames.Add((firstOffset, Length));
        Length += header.FrameBytes;
    }
}
