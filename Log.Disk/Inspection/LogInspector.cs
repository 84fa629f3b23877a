using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Inspection;

/// <summary>Reads every byte of the files of a log that is not open. Changes nothing.</summary>
/// <remarks>Not thread-safe. Holds the lock of the log until disposal, if it could be acquired.</remarks>
public sealed class LogInspector : IDisposable
{
    private readonly IStorage _storage;
    private readonly IStorageFile? _lockFile;

    internal LogInspector(IStorage storage)
    {
        _storage = storage;
        try
        {
            (_lockFile, LockProblem) = TryLock(storage);
        }
        catch
        {
            storage.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Why the lock of the log is not held; null if it is. Without the lock, another process may open the log, and its writes may look like
    /// damage.
    /// </summary>
    public string? LockProblem { get; }

    /// <summary>Opens the log in a directory for reading. The directory need not be writable.</summary>
    /// <exception cref="LogInUseException">The log is open.</exception>
    /// <exception cref="DirectoryNotFoundException">The directory does not exist.</exception>
    public static LogInspector Open(string directory) => new(StorageOf(directory));

    /// <summary>Checks everything. After damage, continues with the next segment.</summary>
    /// <exception cref="FileNotFoundException">The directory does not contain a log.</exception>
    /// <exception cref="IOException">The directory cannot be read. A file that cannot be read is reported as damage.</exception>
    /// <exception cref="OperationCanceledException">The token was canceled.</exception>
    public LogVerification Verify(IProgress<VerificationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Verify(_storage, _lockFile, progress, cancellationToken);

    /// <summary>Lists the frames, starting with the one that contains an offset, and damage, in the order of the log.</summary>
    /// <param name="fromOffset">The offset. Segments that end before it are not read.</param>
    /// <exception cref="FileNotFoundException">The directory does not contain a log.</exception>
    /// <exception cref="IOException">The directory cannot be read.</exception>
    public IEnumerable<DumpEntry> Dump(ulong fromOffset = 0)
    {
        var files = ReadFiles(_storage, _lockFile);
        foreach (var damage in files.Damages)
            yield return new DumpEntry(Damage: damage);
        for (var i = 0; i < files.Bases.Length; i++)
        {
            var later = files.LaterBases(i);
            if (files.IsTruncated(i) || (later.Count > 0 && later[0] <= fromOffset))
                continue;
            using var segment = new SegmentInspector(_storage, files.Bases[i], later);
            while (segment.TryReadFrame(out var frame))
            {
                if (frame.FirstOffset + (ulong)frame.RecordCount > fromOffset)
                    yield return new DumpEntry(Frame: frame);
            }

            if (segment.Report.Damage is { } damage)
                yield return new DumpEntry(Damage: damage);
            else if (segment.Report.UnfinishedBytes > 0)
                yield return new DumpEntry(Unfinished: segment.Report);
            if (segment.Report.IsEndOfLog)
                yield break;
        }
    }

    /// <summary>Releases the lock of the log.</summary>
    public void Dispose() => _storage.Dispose();

    /// <summary>Opens a directory, which must exist.</summary>
    internal static IStorage StorageOf(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return Directory.Exists(directory)
            ? new FileStorage(directory)
            : throw new DirectoryNotFoundException($"there is no directory {directory}");
    }

    internal static LogVerification Verify(
        IStorage storage, IStorageFile? lockFile, IProgress<VerificationProgress>? progress, CancellationToken cancellationToken)
    {
        var files = ReadFiles(storage, lockFile);
        var damages = files.Damages.ToList();
        var segments = new List<SegmentReport>();
        var totalBytes = progress is null ? 0 : TotalBytes(storage, files);
        var doneBytes = 0L;
        for (var i = 0; i < files.Bases.Length; i++)
        {
            if (files.IsTruncated(i))
            {
                segments.Add(Truncated(files.Bases[i], files.Bases[i + 1]));
                continue;
            }

            using var segment = new SegmentInspector(storage, files.Bases[i], files.LaterBases(i));
            while (segment.TryReadFrame(out _))
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Report(new VerificationProgress(doneBytes + segment.Position, totalBytes));
            }

            segments.Add(segment.Report);
            doneBytes += segment.Report.LengthBytes;
            progress?.Report(new VerificationProgress(doneBytes, totalBytes));
            if (segment.Report.IsEndOfLog)
            {
                segments.AddRange(files.LaterBases(i).Select(Unflushed));
                break;
            }
        }

        var last = segments.LastOrDefault(segment => !segment.IsUnflushed);
        var end = last?.NextOffset ?? files.StartOffset ?? 0;
        var start = files.StartOffset ?? (files.Bases.Length > 0 ? files.Bases[0] : 0);
        return new LogVerification { Range = new LogRange(Math.Min(start, end), end), Segments = segments, StartDamages = damages };
    }

    private static SegmentReport Truncated(ulong baseOffset, ulong nextBaseOffset) => new()
    {
        File = SegmentName.Of(baseOffset),
        BaseOffset = baseOffset,
        NextOffset = nextBaseOffset,
        IsTruncated = true,
    };

    private static SegmentReport Unflushed(ulong baseOffset) => new()
    {
        File = SegmentName.Of(baseOffset),
        BaseOffset = baseOffset,
        NextOffset = baseOffset,
        IsUnflushed = true,
    };

    private static long TotalBytes(IStorage storage, LogFiles files)
    {
        var total = 0L;
        for (var i = 0; i < files.Bases.Length; i++)
        {
            if (files.IsTruncated(i))
                continue;
            try
            {
                using var file = storage.Open(SegmentName.Of(files.Bases[i]), canWrite: false);
                total += file.Length;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The verification reports it.
            }
        }

        return total;
    }

    private static LogFiles ReadFiles(IStorage storage, IStorageFile? lockFile)
    {
        var files = LogFiles.Read(storage, lockFile);
        return files.Bases.Length == 0 && files.Damages.Count == 0
            ? throw new FileNotFoundException($"there is no log in {storage.Location}")
            : files;
    }

    // Reading does not create LOCK. The lock on the directory must suffice, unless the file system has none.
    private static (IStorageFile? File, string? Problem) TryLock(IStorage storage)
    {
        try
        {
            var file = storage.Lock(LockFile.Name, canCreate: false);
            return (file, storage.IsLocked ? null : $"there is no {LockFile.Name}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return (null, storage.IsLocked ? null : exception.Message);
        }
    }
}
