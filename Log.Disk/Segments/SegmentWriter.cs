using System.Diagnostics;
using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Segments;

/// <summary>Writes one segment: its header, its frames, its seal. For one thread at a time.</summary>
/// <remarks>
/// Space is reserved ahead of the frames, so that running out of room is noticed before anything is written. It is zeros, so what
/// lies behind the last frame never parses as one.
/// </remarks>
/// <param name="segment">The segment, from whose end on its file must be zeros.</param>
/// <param name="file">Its file. The segment's, for its readers.</param>
/// <param name="reserve">How space is reserved.</param>
/// <param name="seal">What the file says of how far it is flushed; null if it says nothing.</param>
internal sealed class SegmentWriter(Segment segment, IStorageFile file, ReservePolicy reserve, Seal? seal = null)
{
    /// <summary>A write this large gains nothing from zeros written before it.</summary>
    private const int LargeWriteBytes = 256 * 1024;

    private static readonly byte[] Zeros = new byte[64 * 1024];

    private long _reserved = file.Length;

    public Segment Segment { get; } = segment;

    public IStorageFile File => file;

    /// <summary>Where the next frame goes. Ahead of the segment's readable end while a group is on its way.</summary>
    public long Position { get; private set; } = segment.End;

    /// <summary>Everything before this has been flushed.</summary>
    public long FlushedPosition { get; private set; } = segment.End;

    /// <summary>How far the file itself says that it is flushed, in its seal.</summary>
    public long MarkedPosition { get; private set; } = seal?.Position ?? SegmentHeader.SizeBytes;

    /// <summary>
    /// Makes a segment without frames, durable with its name. It gets the name once its header is flushed: so whatever has the name
    /// of a segment has a header, or is damaged.
    /// </summary>
    /// <exception cref="StorageFullException">There is no room; nothing has changed.</exception>
    public static SegmentWriter Create(IStorage storage, OpenSegments open, SegmentHeader header, ReservePolicy reserve)
    {
        var file = storage.Create(SegmentName.Temporary);
        try
        {
            file.Reserve(SegmentHeader.SizeBytes);
            var bytes = new byte[SegmentHeader.SizeBytes];
            header.Write(bytes);
            file.Write(bytes, 0);
            file.Flush();
            storage.Rename(SegmentName.Temporary, SegmentName.Of(header.BaseOffset));
            file.Name = SegmentName.Of(header.BaseOffset);
            storage.FlushDirectory();
            var segment = new Segment(storage, open, header, SegmentHeader.SizeBytes, file, new SegmentIndex(header.BaseOffset));
            return new SegmentWriter(segment, file, reserve);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Whether a frame after others keeps the segment within its limit. The first always does: a batch has to go somewhere.
    /// </summary>
    /// <remarks>A segment of version 1 takes no more frames than it has: the next segment is of the newest version.</remarks>
    public bool HasRoomFor(int bytesBefore, int frameBytes, long limitBytes) =>
        Position + bytesBefore == SegmentHeader.SizeBytes
        || (Position + bytesBefore + frameBytes <= limitBytes
            && (Segment.Header.Lineage is not null || Position == SegmentHeader.SizeBytes));

    /// <summary>Makes room for a write at the position.</summary>
    /// <exception cref="StorageFullException">There is none; nothing has changed.</exception>
    public void Reserve(int bytes)
    {
        var needed = Position + bytes;
        if (needed <= _reserved)
            return;
        var target = Math.Max(needed, Math.Min(needed + reserve.AheadBytes, reserve.LimitBytes));
        try
        {
            file.Reserve(target);
        }
        catch (StorageFullException)
        {
            file.Reserve(target = needed); // the last bit of a disk is used, too
        }

        if (reserve.IsWritten && bytes < LargeWriteBytes)
            WriteZeros(_reserved, target);
        _reserved = target;
    }

    /// <summary>Writes frames, for which there is room. They are neither flushed nor readable yet.</summary>
    public void Write(ReadOnlySpan<byte> frames)
    {
        Debug.Assert(Position + frames.Length <= _reserved, "space is reserved before it is written to");
        file.Write(frames, Position);
        Position += frames.Length;
    }

    /// <summary>Takes back what a write that failed for want of room may have left, together with the space reserved.</summary>
    public void TakeBack()
    {
        file.SetLength(Position);
        _reserved = Position;
    }

    public void Flush()
    {
        file.Flush();
        FlushedPosition = Position;
    }

    /// <summary>
    /// Writes down what is flushed, in the seal, which comes to the device with the next flush: a file that then lacks any of it is
    /// damaged, whatever its end looks like.
    /// </summary>
    /// <param name="nextOffset">The offset after the last frame before <see cref="FlushedPosition"/>.</param>
    public void Mark(ulong nextOffset)
    {
        Debug.Assert(MarkedPosition <= FlushedPosition && FlushedPosition <= Position, "the seal only grows, and claims no more than is flushed");
        WriteSeal(new Seal(FlushedPosition, nextOffset));
        MarkedPosition = FlushedPosition;
    }

    /// <summary>Flushes the frames, writes that down, durably, and gives back the space reserved behind them.</summary>
    /// <param name="nextOffset">The offset after the last frame.</param>
    /// <param name="isFollowed">Whether the next segment is there already, durably.</param>
    public void Seal(ulong nextOffset, bool isFollowed)
    {
        if (FlushedPosition != Position)
            Flush();
        Debug.Assert(FlushedPosition == Position, "the seal claims no more than is flushed");
        WriteSeal(new Seal(Position, nextOffset, isFollowed));
        ReleaseReserve();
        file.Flush();
    }

    /// <summary>Gives back the space that is reserved behind the frames.</summary>
    public void ReleaseReserve()
    {
        if (_reserved == Position)
            return;
        file.SetLength(Position);
        _reserved = Position;
    }

    private void WriteSeal(Seal seal)
    {
        Span<byte> bytes = stackalloc byte[Format.Seal.SizeBytes];
        seal.Write(bytes, Segment.Header.Salt);
        file.Write(bytes, SegmentHeader.SealPosition);
    }

    private void WriteZeros(long position, long end)
    {
        while (position < end)
        {
            var count = (int)Math.Min(Zeros.Length, end - position);
            file.Write(Zeros.AsSpan(0, count), position);
            position += count;
        }
    }
}

/// <summary>How space is reserved ahead of the frames.</summary>
/// <param name="AheadBytes">How far ahead of a write.</param>
/// <param name="IsWritten">
/// Whether zeros are written into it: a flush of what is written there later need not write the file's metadata, then. It pays for small
/// writes that are flushed.
/// </param>
/// <param name="LimitBytes">The size of a file beyond which nothing is reserved ahead: no segment grows larger.</param>
internal readonly record struct ReservePolicy(int AheadBytes, bool IsWritten, long LimitBytes = long.MaxValue);
