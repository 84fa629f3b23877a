using System.Security.Cryptography;
using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Segments;

/// <summary>Writes one segment: its header, its frames, its seal. For one thread at a time.</summary>
/// <remarks>
/// Space is reserved ahead of the frames and filled with zeros, so that running out of room is noticed before anything is written,
/// a flush need not write the file's metadata, and what lies behind the last frame never parses as one.
/// </remarks>
internal sealed class SegmentWriter
{
    /// <summary>A write this large gains nothing from zeros written before it.</summary>
    private const int LargeWriteBytes = 256 * 1024;

    private static readonly byte[] Zeros = new byte[64 * 1024];

    private readonly int _reserveBytes;
    private long _reserved;

    /// <summary>Goes on with a segment, from the end of its frames.</summary>
    /// <param name="segment">Its file must be zeros after its end.</param>
    /// <param name="reserveBytes">How far ahead of the frames space is reserved.</param>
    public SegmentWriter(Segment segment, int reserveBytes)
    {
        _reserveBytes = reserveBytes;
        Segment = segment;
        Position = segment.End;
        _reserved = segment.File.Length;
        FlushedPosition = segment.End;
    }

    public Segment Segment { get; }

    /// <summary>Where the next frame goes. Ahead of the segment's readable end while a group is on its way.</summary>
    public long Position { get; private set; }

    /// <summary>Everything before this has been flushed.</summary>
    public long FlushedPosition { get; private set; }

    /// <summary>
    /// Makes a segment without frames, durable with its name. It gets the name once its header is flushed: so whatever has the name
    /// of a segment has a header, or is damaged.
    /// </summary>
    /// <exception cref="StorageFullException">There is no room; nothing has changed.</exception>
    public static SegmentWriter Create(IStorage storage, ulong baseOffset, int reserveBytes, uint? salt = null)
    {
        var header = new SegmentHeader(baseOffset, salt ?? BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint))));
        var file = storage.Create(SegmentName.Temporary);
        try
        {
            file.Reserve(SegmentHeader.SizeBytes);
            var bytes = new byte[SegmentHeader.SizeBytes];
            header.Write(bytes);
            file.Write(bytes, 0);
            file.Flush();
            storage.Rename(SegmentName.Temporary, SegmentName.Of(baseOffset));
            storage.FlushDirectory();
            return new SegmentWriter(new Segment(header, file, SegmentHeader.SizeBytes, new SegmentIndex(baseOffset)), reserveBytes);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether a frame after others keeps the segment within its limit. The first always does: a batch has to go somewhere.</summary>
    public bool HasRoomFor(int bytesBefore, int frameBytes, long limitBytes) =>
        Position + bytesBefore == SegmentHeader.SizeBytes || Position + bytesBefore + frameBytes <= limitBytes;

    /// <summary>Makes room for a write at the position.</summary>
    /// <exception cref="StorageFullException">There is none; nothing has changed.</exception>
    public void Reserve(int bytes)
    {
        var needed = Position + bytes;
        if (needed <= _reserved)
            return;
        var target = needed + (bytes < LargeWriteBytes ? _reserveBytes : 0);
        Segment.File.Reserve(target);
        for (var position = _reserved; bytes < LargeWriteBytes && position < target;)
        {
            var count = (int)Math.Min(Zeros.Length, target - position);
            Segment.File.Write(Zeros.AsSpan(0, count), position);
            position += count;
        }

        _reserved = target;
    }

    /// <summary>Writes frames, for which there is room. They are neither flushed nor readable yet.</summary>
    public void Write(ReadOnlySpan<byte> frames)
    {
        Segment.File.Write(frames, Position);
        Position += frames.Length;
    }

    public void Flush()
    {
        Segment.File.Flush();
        FlushedPosition = Position;
    }

    /// <summary>Writes down, durably, that all frames are flushed, and gives back the space reserved behind them.</summary>
    /// <param name="nextOffset">The offset after the last frame.</param>
    /// <param name="isFollowed">Whether the next segment is there already, durably.</param>
    public void Seal(ulong nextOffset, bool isFollowed = false)
    {
        if (FlushedPosition != Position)
            Flush();
        Span<byte> seal = stackalloc byte[Format.Seal.SizeBytes];
        new Seal(Position, nextOffset, isFollowed).Write(seal, Segment.Header.Salt);
        Segment.File.Write(seal, SegmentHeader.SealPosition);
        ReleaseReserve();
        Segment.File.Flush();
    }

    /// <summary>Gives back the space that is reserved behind the frames.</summary>
    public void ReleaseReserve()
    {
        if (_reserved == Position)
            return;
        Segment.File.SetLength(Position);
        _reserved = Position;
    }
}
