using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Inspection;

/// <summary>Reads the files of a log that nobody has open, every byte of them, and changes nothing.</summary>
/// <remarks>Not for concurrent use. The log's lock is held until disposal, where it could be taken.</remarks>
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
    /// Why the log's lock is not held; null if it is. Without it another process may open the log meanwhile, and what it does may
    /// look like damage.
    /// </summary>
    public string? LockProblem { get; }

    /// <summary>Takes the log in a directory, for reading. A directory that cannot be written to will do.</summary>
    /// <exception cref="LogInUseException">An open log has it.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    public static LogInspector Open(string directory) => new(StorageOf(directory));

    /// <summary>Checks everything, and goes on after a damage to the next segment.</summary>
    /// <exception cref="FileNotFoundException">There is no log.</exception>
    /// <exception cref="IOException">The directory cannot be read. A file that cannot be read is in the report.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public LogVerification Verify(IProgress<VerificationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Verify(_storage, _lockFile, progress, cancellationToken);

    /// <summary>The frames, from the one that holds an offset on, and what is damaged, as they come.</summary>
    /// <param name="fromOffset">Frames that end before it are left out; segments that do are not read.</param>
    /// <exception cref="FileNotFoundException">There is no log.</exception>
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

    /// <summary>Lets go of the log.</summary>
    public void Dispose() => _storage.Dispose();

    /// <summary>The directory, which is not made where it is not there.</summary>
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
                // The verification comes to it, and reports it.
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

    // No LOCK is made for reading: the directory's own lock has to do, unless the file system has none.
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
