using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

using static System.FormattableString;

namespace LogKit.Disk.Inspection;

/// <summary>
/// Reads every byte of a segment: frame by frame, then <see cref="Report"/>. Shared by verification, dump, and repair. Opens the file for
/// reading only, and diagnoses damage with the same code as opening a log.
/// </summary>
internal sealed class SegmentInspector : IDisposable
{
    private readonly IStorage _storage;
    private readonly ulong _baseOffset;
    private readonly IReadOnlyList<ulong> _laterBaseOffsets;
    private readonly ulong? _nextBaseOffset;
    private readonly string _name;
    private IStorageFile? _file;
    private SegmentHeader _header;
    private Seal? _seal;
    private LogDamage? _marginDamage;
    private FrameReader? _frames;

    // The sound part so far.
    private long _position;
    private ulong _nextOffset;
    private long _frameCount;
    private bool _sealFits;

    private SegmentReport? _report;

    /// <param name="storage">The directory.</param>
    /// <param name="baseOffset">The base offset in the segment's name.</param>
    /// <param name="laterBaseOffsets">The base offsets of the segments after it.</param>
    public SegmentInspector(IStorage storage, ulong baseOffset, IReadOnlyList<ulong> laterBaseOffsets)
    {
        _storage = storage;
        _baseOffset = _nextOffset = baseOffset;
        _laterBaseOffsets = laterBaseOffsets;
        _nextBaseOffset = laterBaseOffsets.Count > 0 ? laterBaseOffsets[0] : null;
        _name = SegmentName.Of(baseOffset);
    }

    /// <summary>The result. Available once there are no more frames.</summary>
    public SegmentReport Report => _report ?? throw new InvalidOperationException("the segment could not be read to its end");

    /// <summary>The number of bytes read.</summary>
    public long Position => _position;

    /// <summary>Moves to the next sound frame. Returns false after the last one, whatever follows.</summary>
    public bool TryReadFrame(out FrameReport frame)
    {
        frame = default;
        if (_report is not null)
            return false;
        try
        {
            _frames ??= Open();
            if (_report is null && !TryRead(_frames!, out frame) && _report is null)
                Judge();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Finish(DamageKind.Unreadable, _position, $"it cannot be read: {exception.Message}");
        }

        return _report is null;
    }

    public void Dispose() => _file?.Dispose();

    /// <summary>The kind of a problem with a header. An unknown version is not damage.</summary>
    public static DamageKind KindOf(FormatProblem problem, DamageKind otherwise) =>
        problem.IsForeignVersion ? DamageKind.ForeignVersion : otherwise;

    /// <summary>The header as it is written, with zeros between its parts.</summary>
    public static byte[] HeaderBytes(SegmentHeader header, Seal? seal)
    {
        var bytes = new byte[SegmentHeader.SizeBytes];
        header.Write(bytes);
        seal?.Write(bytes.AsSpan(SegmentHeader.SealPosition), header.Salt);
        return bytes;
    }

    /// <summary>Reads the header. If it is not sound, sets the report and returns null.</summary>
    private FrameReader? Open()
    {
        _file = _storage.Open(_name, canWrite: false);
        var bytes = new byte[SegmentHeader.SizeBytes];
        if (SegmentHeader.Read(_file, _baseOffset, bytes, out _header, out _seal) is { } problem)
        {
            Finish(KindOf(problem, DamageKind.Records), problem.Position, problem.Text);
            return null;
        }

        _position = SegmentHeader.SizeBytes;
        CheckHeader(bytes);
        NoteSeal();
        return new FrameReader(_file, _header, _file.Length);
    }

    private void CheckHeader(ReadOnlySpan<byte> bytes)
    {
        var difference = bytes.CommonPrefixLength(HeaderBytes(_header, _seal));
        if (difference == bytes.Length)
            return;
        var isSeal = difference is >= SegmentHeader.SealPosition and < SegmentHeader.SealPosition + Seal.SizeBytes;
        MarginDamage(difference, isSeal ? "the seal is damaged" : "the header is not zero there");
    }

    private bool TryRead(FrameReader frames, out FrameReport report)
    {
        report = default;
        if (frames.NextOffset >= _nextBaseOffset || !frames.TryRead())
            return false;
        var frame = frames.Frame;
        if (frame.NextOffset > _nextBaseOffset)
        {
            Finish(DamageKind.Records, frames.FramePosition, SegmentTail.ProblemOfOverlap(frame.NextOffset, _nextBaseOffset!.Value));
            return false;
        }

        if (ProblemOf(frames) is { } problem)
        {
            Finish(DamageKind.Records, frames.FramePosition, problem);
            return false;
        }

        report = new FrameReport(
            _name, frames.FramePosition, frame.FirstOffset, frame.RecordCount, frame.PayloadBytes, frame.FlushedPosition);
        _position = frames.Position;
        _nextOffset = frames.NextOffset;
        _frameCount++;
        NoteSeal();
        return true;
    }

    private static string? ProblemOf(FrameReader frames)
    {
        try
        {
            var count = RecordBatch.Decode(frames.Payload).Count;
            return count == frames.Frame.RecordCount
                ? null
                : Invariant($"the frame header counts {frames.Frame.RecordCount} records, but the payload has {count}");
        }
        catch (FormatException exception)
        {
            return $"the payload is not a batch: {exception.Message}";
        }
    }

    private void NoteSeal() => _sealFits |= IsSealedHere;

    private bool IsSealedHere => _seal is { } seal && seal.Position == _position && seal.NextOffset == _nextOffset;

    /// <summary>Diagnoses what follows the sound frames.</summary>
    private void Judge()
    {
        var tail = SegmentTail.Read(_file!, _header, _seal, _position, _nextOffset);
        if (_nextBaseOffset is { } nextBase)
            JudgeClosed(nextBase, tail);
        else if (tail.ProblemOfLast(_seal) is { } problem)
            Finish(DamageKind.Records, _position, problem);
        else
        {
            CheckSeal();
            Finish(tail.End - _position);
        }
    }

    private void JudgeClosed(ulong nextBase, SegmentTail tail)
    {
        if (_nextOffset < nextBase && tail.Problem is null && !LaterSegments.ProveFlush(_storage, _laterBaseOffsets))
        {
            Finish(tail.End - _position, isEndOfLog: true);
            return;
        }

        if (_nextOffset < nextBase)
        {
            Finish(DamageKind.Records, _position, tail.ProblemBefore(_nextOffset, nextBase));
            return;
        }

        if (!tail.IsEmpty)
            MarginDamage(tail.Start, "something follows the last frame");
        CheckSeal();
        Finish(unfinishedBytes: 0);
    }

    private void CheckSeal()
    {
        if (_seal is { } seal && !_sealFits)
            MarginDamage(SegmentHeader.SealPosition, Invariant($"the seal, at byte {seal.Position}, does not match the frames"));
    }

    // Only the first one counts: for example, a damaged seal is also a missing one.
    private void MarginDamage(long position, string problem) =>
        _marginDamage ??= new LogDamage(DamageKind.Margin, _name, position, null, $"{problem} (no record is affected)");

    private void Finish(DamageKind kind, long position, string problem) =>
        Finish(0, new LogDamage(kind, _name, position, _nextOffset, problem));

    private void Finish(long unfinishedBytes, LogDamage? damage = null, bool isEndOfLog = false) => _report = new SegmentReport
    {
        File = _name,
        BaseOffset = _baseOffset,
        NextOffset = _nextOffset,
        FrameCount = _frameCount,
        EndPosition = _position,
        LengthBytes = _file?.Length ?? 0,
        IsSealed = IsSealedHere,
        UnfinishedBytes = unfinishedBytes,
        IsEndOfLog = isEndOfLog,
        Damage = damage ?? _marginDamage,
        ToldNextOffset = Math.Max(_nextOffset, _seal?.NextOffset ?? 0),
    };
}
