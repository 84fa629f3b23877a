using System.Diagnostics;
using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Segments;

/// <summary>Writes a segment: its header, frames, and seal. Used by one thread at a time.</summary>
/// <remarks>
/// Space is reserved ahead of the frames, so that running out of space is detected before anything is written. It contains zeros, so what
/// follows the last frame is never mistaken for a frame.
/// </remarks>
/// <param name="segment">The segment. Its file must contain only zeros from its end on.</param>
/// <param name="file">The file of the segment, which its readers use, too.</param>
/// <param name="reserve">How space is reserved.</param>
/// <param name="seal">The seal in the file; null if there is none.</param>
internal sealed class SegmentWriter(Segment segment, IStorageFile file, ReservePolicy reserve, Seal? seal = null)
{
    /// <summary>Writes of this size gain nothing from writing zeros first.</summary>
    private const int LargeWriteBytes = 256 * 1024;

    private const int SmallestAheadBytes = 16 * 1024;

    private static readonly byte[] Zeros = new byte[64 * 1024];

    private long _reserved = file.Length;

    public Segment Segment { get; } = segment;

    public IStorageFile File => file;

    /// <summary>The position of the next frame. Ahead of the readable end of the segment while a group is being written.</summary>
    public long Position { get; private set; } = segment.End;

    /// <summary>Everything before this has been flushed.</summary>
    public long FlushedPosition { get; private set; } = segment.End;

    /// <summary>The flushed position that is recorded in the seal.</summary>
    public long MarkedPosition { get; private set; } = seal?.Position ?? SegmentHeader.SizeBytes;

    /// <summary>
    /// Creates an empty segment, durably. The file gets its name after its header is flushed, so a file with the name of a segment has a
    /// valid header, or is damaged.
    /// </summary>
    /// <exception cref="StorageFullException">There is no space. Nothing has changed.</exception>
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
    /// Whether the segment has room for a frame after others. The first frame of a segment always fits, since a batch must go somewhere.
    /// </summary>
    /// <remarks>A segment of version 1 that has frames takes no more. The next segment has the newest version.</remarks>
    public bool HasRoomFor(int bytesBefore, int frameBytes, long limitBytes) =>
        Position + bytesBefore == SegmentHeader.SizeBytes
        || (Position + bytesBefore + frameBytes <= limitBytes
            && (Segment.Header.Lineage is not null || Position == SegmentHeader.SizeBytes));

    /// <summary>Reserves space for a write at the position.</summary>
    /// <exception cref="StorageFullException">There is no space. Nothing has changed.</exception>
    public void Reserve(int bytes)
    {
        var needed = Position + bytes;
        if (needed <= _reserved)
            return;
        // As much again as there is: a small log takes little space, and a large one is extended seldom.
        var ahead = Math.Min(reserve.AheadBytes, Math.Max(Position, SmallestAheadBytes));
        var target = Math.Max(needed, Math.Min(needed + ahead, reserve.LimitBytes));
        try
        {
            file.Reserve(target);
        }
        catch (StorageFullException)
        {
            file.Reserve(target = needed); // uses the last bytes of a disk, too
        }

        if (reserve.IsWritten && bytes < LargeWriteBytes)
            WriteZeros(_reserved, target);
        _reserved = target;
    }

    /// <summary>Writes frames, for which space is reserved. They are neither flushed nor readable yet.</summary>
    public void Write(ReadOnlySpan<byte> frames)
    {
        Debug.Assert(Position + frames.Length <= _reserved, "space is reserved before it is written to");
        file.Write(frames, Position);
        Position += frames.Length;
    }

    /// <summary>Removes what a write that failed for lack of space may have left, together with the reserved space.</summary>
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
    /// Records the flushed position in the seal, which reaches the device with the next flush. A file that ends before that position is
    /// then known to be damaged.
    /// </summary>
    /// <param name="nextOffset">The offset after the last frame before <see cref="FlushedPosition"/>.</param>
    public void Mark(ulong nextOffset)
    {
        Debug.Assert(
            MarkedPosition <= FlushedPosition && FlushedPosition <= Position, "the seal only grows, and claims no more than is flushed");
        WriteSeal(new Seal(FlushedPosition, nextOffset));
        MarkedPosition = FlushedPosition;
    }

    /// <summary>Flushes the frames, writes the seal durably, and releases the reserved space.</summary>
    /// <param name="nextOffset">The offset after the last frame.</param>
    /// <param name="isFollowed">Whether the next segment exists, durably.</param>
    public void Seal(ulong nextOffset, bool isFollowed)
    {
        if (FlushedPosition != Position)
            Flush();
        Debug.Assert(FlushedPosition == Position, "the seal claims no more than is flushed");
        WriteSeal(new Seal(Position, nextOffset, isFollowed));
        ReleaseReserve();
        file.Flush();
    }

    /// <summary>Releases the space reserved after the frames.</summary>
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
/// <param name="AheadBytes">How far ahead of a write, in bytes.</param>
/// <param name="IsWritten">
/// Whether to write zeros to it. Later flushes then need not write the metadata of the file, which pays off for small flushed writes.
/// </param>
/// <param name="LimitBytes">The size of a file beyond which nothing is reserved ahead, since no segment grows larger.</param>
internal readonly record struct ReservePolicy(int AheadBytes, bool IsWritten, long LimitBytes = long.MaxValue);
