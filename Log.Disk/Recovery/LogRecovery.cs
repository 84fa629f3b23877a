using System.Diagnostics;
using LogKit.Disk.Format;
using LogKit.Disk.Inspection;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

using static System.FormattableString;

namespace LogKit.Disk.Recovery;

/// <summary>
/// Opens the files of a log and brings them to a consistent state, with every acknowledged batch and no partial one. Changes only what was
/// never acknowledged. If anything else is wrong, throws and changes nothing.
/// </summary>
internal sealed class LogRecovery(
    IStorage storage, IStorageFile lockFile, DiskLogOptions options, ulong initialOffset, Guid? newId = null)
{
    private readonly OpenSegments _open = new();
    private readonly List<Segment> _segments = [];
    private readonly List<string> _leftovers = [];
    private readonly List<(Segment Segment, long FlushedPosition, ulong NextOffset)> _unsealed = [];
    private readonly List<ulong> _unflushed = [];
    private SegmentWriter? _writer;
    private Guid _logId;
    private int _unidentifiedCount;
    private bool _wasClosedCleanly = true;
    private long _cutBytes;
    private int _removedCount;

    /// <summary>The result of recovery.</summary>
    internal sealed record Result(
        OpenSegments Open, Segment[] Segments, SegmentWriter Writer, Guid LogId, LogRange Range, RecoveryReport Report);

    /// <exception cref="LogDamagedException">Data that had been flushed is damaged or missing.</exception>
    public Result Run()
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            var files = ReadDirectory();
            storage.FlushDirectory(); // decisions below depend on names, which a power failure must not undo
            var isNew = files.Bases.Length == 0;
            var startOffset = files.StartOffset ?? (isNew ? initialOffset : 0);
            var end = isNew ? CreateFirst(startOffset) : OpenExisting(startOffset, [.. files.Bases]);
            var range = new LogRange(startOffset, end);
            RemoveLeftovers();
            if (files.LockId is null)
                LockFile.Write(lockFile, _logId); // not before there is a segment, since its content says that there was a log
            return new Result(_open, [.. _segments], _writer!, _logId, range, new RecoveryReport
            {
                Range = range,
                SegmentCount = isNew ? 0 : _segments.Count,
                UnidentifiedSegmentCount = _unidentifiedCount,
                WasClosedCleanly = _wasClosedCleanly,
                CutBytes = _cutBytes,
                RemovedSegmentCount = _removedCount,
                DurationMs = Stopwatch.GetElapsedTime(started).TotalMilliseconds,
            });
        }
        catch
        {
            foreach (var segment in _segments)
                segment.Remove();
            throw;
        }
    }

    private LogFiles ReadDirectory()
    {
        var files = LogFiles.Read(storage, lockFile);
        if (files.Damages is [var damage, ..])
            throw new LogDamagedException(damage.File, damage.Position, damage.Problem, damage.Offset);
        _leftovers.AddRange(files.Leftovers); // of interrupted operations
        _logId = files.LogId ?? newId ?? Guid.NewGuid();
        return files;
    }

    private ulong CreateFirst(ulong startOffset)
    {
        if (startOffset > 0)
            StartFile.Replace(storage, startOffset, _logId);
        var origin = new SegmentOrigin(options.Clock.GetUtcNow().ToUnixTimeMilliseconds(), IsAfterUnflushed: false);
        _writer = SegmentWriter.Create(storage, _open, SegmentHeader.New(startOffset, origin, _logId), options.Reserve);
        _segments.Add(_writer.Segment);
        return startOffset;
    }

    private ulong OpenExisting(ulong startOffset, List<ulong> bases)
    {
        LeaveOutTruncated(startOffset, bases);
        for (var i = 0; i < bases.Count - 1; i++)
        {
            if (OpenFull(bases[i], bases[i + 1], out var damage) is { } segment)
            {
                _segments.Add(segment);
                continue;
            }

            var later = bases[(i + 1)..];
            if (LaterSegments.ProveFlush(storage, later))
                throw damage;
            _unflushed.AddRange(later);
            bases.RemoveRange(i + 1, later.Count);
        }

        return OpenLast(bases[^1], startOffset);
    }

    private void LeaveOutTruncated(ulong startOffset, List<ulong> bases)
    {
        while (_removedCount + 1 < bases.Count && bases[_removedCount + 1] <= startOffset)
        {
            _leftovers.Add(SegmentName.Of(bases[_removedCount]));
            _leftovers.Add(SegmentName.OfIndex(bases[_removedCount++]));
        }

        bases.RemoveRange(0, _removedCount);
    }

    /// <summary>
    /// Deletes what interrupted operations left behind, once everything else is found sound. A file that remains does no harm.
    /// </summary>
    private void RemoveLeftovers()
    {
        foreach (var name in _leftovers)
        {
            try
            {
                storage.Delete(name);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The next opening tries again.
            }
        }

        if (_leftovers.Count > 0)
            storage.FlushDirectory();
    }

    /// <summary>
    /// Opens a segment that another follows. If it is sealed, the seal says where it ends. Otherwise, as after a crash, it is read. Returns
    /// null if its frames do not reach the next segment.
    /// </summary>
    private Segment? OpenFull(ulong baseOffset, ulong nextBaseOffset, out LogDamagedException damage)
    {
        damage = null!;
        var name = SegmentName.Of(baseOffset);
        using var file = storage.Open(name, canWrite: false);
        var header = ReadHeader(file, baseOffset, out var seal);
        if (seal is { IsFollowed: true } sealedTo && sealedTo.NextOffset == nextBaseOffset && file.Length >= sealedTo.Position)
            return new Segment(storage, _open, header, sealedTo.Position);

        var frames = new FrameReader(file, header, file.Length);
        var flushed = seal?.Position ?? SegmentHeader.SizeBytes;
        while (frames.NextOffset < nextBaseOffset && frames.TryRead())
            flushed = Math.Max(flushed, frames.Frame.FlushedPosition);
        if (frames.NextOffset == nextBaseOffset)
        {
            var segment = new Segment(storage, _open, header, frames.Position);
            _unsealed.Add((segment, flushed, nextBaseOffset));
            return segment;
        }

        if (frames.NextOffset > nextBaseOffset)
            throw new LogDamagedException(
                name, frames.FramePosition, SegmentTail.ProblemOfOverlap(frames.NextOffset, nextBaseOffset), frames.Frame.FirstOffset);
        var tail = SegmentTail.Read(file, header, seal, frames.Position, frames.NextOffset);
        damage = new LogDamagedException(name, frames.Position, tail.ProblemBefore(frames.NextOffset, nextBaseOffset), frames.NextOffset);
        return null;
    }

    /// <summary>Opens the last segment, which was being written to: reads it, and cuts off an unfinished append.</summary>
    private ulong OpenLast(ulong baseOffset, ulong startOffset)
    {
        var name = SegmentName.Of(baseOffset);
        var file = storage.Open(name, canWrite: true);
        try
        {
            var header = ReadHeader(file, baseOffset, out var seal);
            var index = new SegmentIndex(baseOffset);
            var frames = new FrameReader(file, header, file.Length);
            var flushed = seal?.Position ?? SegmentHeader.SizeBytes;
            var sealFits = seal is null;
            do
            {
                sealFits |= seal is { } told && told.Position == frames.Position && told.NextOffset == frames.NextOffset;
            }
            while (TryReadFrame());

            bool TryReadFrame()
            {
                if (!frames.TryRead())
                    return false;
                index.Add(frames.Frame.FirstOffset, frames.FramePosition);
                flushed = Math.Max(flushed, frames.Frame.FlushedPosition);
                return true;
            }

            var wasClosed =
                _unflushed.Count == 0
                && seal is { IsFollowed: false } end
                && end.Position == frames.Position
                && file.Length == frames.Position;
            if (!wasClosed)
            {
                var tail = SegmentTail.Read(file, header, seal, frames.Position, frames.NextOffset);
                if (tail.ProblemOfLast(seal) is { } problem)
                    throw new LogDamagedException(name, frames.Position, problem, frames.NextOffset);
                _cutBytes = tail.End - frames.Position;
            }

            if (startOffset > frames.NextOffset)
            {
                throw new LogDamagedException(
                    StartFile.Name,
                    0,
                    Invariant($"the log starts at offset {startOffset} but ends at {frames.NextOffset}"),
                    frames.NextOffset);
            }

            SealUnsealed();
            RemoveUnflushed();
            // Even if the log was closed: an opening that cut it and then crashed leaves the same picture.
            Adopt(file, flushed, frames.Position);
            _wasClosedCleanly = wasClosed;
            var segment = new Segment(storage, _open, header, frames.Position, file, index);
            _segments.Add(segment);
            _writer = new SegmentWriter(segment, file, options.Reserve, seal);
            if (!sealFits)
                _writer.Mark(frames.NextOffset); // a seal that matches no frame must not be mistaken for the end later
            return frames.NextOffset;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Cuts the file off after its sound frames and makes the frames durable, since they are about to become readable. Frames that are not
    /// known to be flushed are rewritten: after a failed flush, the system may show data that the device never received, and another flush
    /// would succeed without writing it. The file later grows with zeros, so nothing that was cut off returns.
    /// </summary>
    private void Adopt(IStorageFile file, long flushed, long end)
    {
        file.SetLength(end);
        Rewrite(file, flushed, end);
        file.Flush();
        storage.FlushDirectory();
    }

    private static void Rewrite(IStorageFile file, long start, long end)
    {
        var buffer = new byte[256 * 1024];
        for (var position = start; position < end;)
        {
            var bytes = buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - position));
            bytes = bytes[..file.Read(bytes, position)];
            file.Write(bytes, position);
            position += bytes.Length;
        }
    }

    /// <summary>Seals full segments that the previous process did not seal.</summary>
    private void SealUnsealed()
    {
        foreach (var (segment, flushed, nextOffset) in _unsealed)
        {
            using var file = storage.Open(segment.Name, canWrite: true);
            Rewrite(file, flushed, segment.End);
            file.Flush();
            new SegmentWriter(segment, file, options.Reserve).Seal(nextOffset, isFollowed: true);
        }
    }

    /// <summary>
    /// Deletes the segments after one whose end was lost in a power failure, durably, before that one is written to again.
    /// </summary>
    private void RemoveUnflushed()
    {
        foreach (var baseOffset in Enumerable.Reverse(_unflushed))
        {
            var name = SegmentName.Of(baseOffset);
            using (var file = storage.Open(name, canWrite: false))
                _cutBytes += file.Length;
            storage.Delete(name);
            _leftovers.Add(SegmentName.OfIndex(baseOffset));
        }

        if (_unflushed.Count > 0)
            storage.FlushDirectory();
    }

    private SegmentHeader ReadHeader(IStorageFile file, ulong baseOffset, out Seal? seal)
    {
        if (SegmentHeader.Read(file, baseOffset, new byte[SegmentHeader.SizeBytes], out var header, out seal) is { } problem)
            throw new LogDamagedException(SegmentName.Of(baseOffset), problem.Position, problem.Text, baseOffset);
        _unidentifiedCount += header.Lineage is null ? 1 : 0;
        return header;
    }
}
