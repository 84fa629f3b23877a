using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Inspection;

/// <summary>Copies a log, which may be open and in use. The copy opens as the log was at one instant.</summary>
/// <remarks>
/// The copy contains every record that was acknowledged before the copy began. The order of copying ensures that:
/// <list type="bullet">
/// <item>Segments are copied first, oldest first. A segment that another follows is complete. The last one is copied up to its last whole
/// frame; if another segment follows by then, it is copied again, because it has grown.</item>
/// <item>The header of a segment is read before its frames, so the flushed position in it is not ahead of the copy.</item>
/// <item>START is copied last, so segments that retention deleted during the copy lie before it.</item>
/// <item>LOCK and the indexes are not copied. Opening the log creates them.</item>
/// </list>
/// </remarks>
public static class LogBackup
{
    private const int ChunkBytes = 1024 * 1024;

    /// <summary>How many times to re-read what an append may be writing, before treating it as damage.</summary>
    private const int Looks = 10;

    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>Copies a log, flushes the copy, and verifies it.</summary>
    /// <param name="directory">The directory of the log. Nothing in it is changed.</param>
    /// <param name="target">The directory for the copy. It must be empty or not exist.</param>
    /// <param name="progress">Receives the progress of the verification.</param>
    /// <param name="cancellationToken">Cancels the copy. What was copied is deleted.</param>
    /// <returns>The verification of the copy. Damage to the log is copied, too.</returns>
    /// <exception cref="FileNotFoundException">The directory does not contain a log.</exception>
    /// <exception cref="DirectoryNotFoundException">The directory does not exist.</exception>
    /// <exception cref="IOException">
    /// The target is not empty or has no space, or a file cannot be read or written. What was copied is deleted.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was canceled.</exception>
    public static LogVerification Copy(
        string directory, string target, IProgress<VerificationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        using var source = LogInspector.StorageOf(directory);
        if (BasesOf(source).Length == 0)
            throw new FileNotFoundException($"there is no log in {directory}");
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
            throw new IOException($"{target} is not empty: give a directory that is empty or does not exist");
        using var copy = new FileStorage(target);
        try
        {
            CopyFiles(source, copy, cancellationToken);
            return LogInspector.Verify(copy, lockFile: null, progress, cancellationToken);
        }
        catch
        {
            foreach (var name in copy.List())
                copy.Delete(name);
            throw;
        }
    }

    private static void CopyFiles(IStorage source, FileStorage copy, CancellationToken cancellationToken)
    {
        var complete = new HashSet<ulong>();
        while (true)
        {
            var end = CopySegments(source, copy, complete, cancellationToken);
            using (var file = OpenIfThere(source, StartFile.Name))
            {
                if (file is not null)
                    CopyBytes(file, copy, StartFile.Name, header: [], file.Length, cancellationToken);
            }

            copy.FlushDirectory();
            if (!copy.List().Contains(StartFile.Name) || StartFile.Read(copy, out var start) is not null || start.Offset <= end)
                return;
        }
    }

    /// <summary>Copies segments that are not yet complete. Returns the next offset of the copy.</summary>
    private static ulong CopySegments(IStorage source, FileStorage copy, HashSet<ulong> complete, CancellationToken cancellationToken)
    {
        var end = 0ul;
        for (var bases = BasesOf(source); ;)
        {
            foreach (var baseOffset in bases.Where(baseOffset => !complete.Contains(baseOffset)))
            {
                using var file = OpenIfThere(source, SegmentName.Of(baseOffset));
                if (file is null)
                    continue; // retention deleted it
                var isLast = baseOffset == bases[^1];
                end = CopySegment(file, copy, baseOffset, isLast, cancellationToken);
                if (!isLast)
                    complete.Add(baseOffset);
            }

            // A listing may omit files that were created while it was read, even if it includes newer ones. The next listing includes them.
            var now = BasesOf(source);
            if (now.All(baseOffset => complete.Contains(baseOffset) || baseOffset == bases[^1]))
                return end;
            bases = now;
        }
    }

    private static ulong CopySegment(
        IStorageFile file, FileStorage copy, ulong baseOffset, bool isLast, CancellationToken cancellationToken)
    {
        var name = SegmentName.Of(baseOffset);
        var bytes = new byte[SegmentHeader.SizeBytes];
        for (var look = 0; look < Looks; look++)
        {
            if (SegmentHeader.Read(file, baseOffset, bytes, out var header, out var seal) is null
                && bytes.AsSpan().SequenceEqual(SegmentInspector.HeaderBytes(header, seal)))
            {
                var (position, nextOffset) = isLast ? EndOf(file, header, seal, cancellationToken) : (file.Length, baseOffset);
                CopyBytes(file, copy, name, bytes, position, cancellationToken);
                return nextOffset;
            }

            cancellationToken.WaitHandle.WaitOne(LookInterval); // the seal is being written
        }

        CopyBytes(file, copy, name, header: [], file.Length, cancellationToken); // the segment is damaged
        return baseOffset;
    }

    /// <summary>
    /// Finds where the whole frames end in a segment that may be in use. If damage follows them, returns the end of the file.
    /// </summary>
    private static (long Position, ulong NextOffset) EndOf(
        IStorageFile file, SegmentHeader header, Seal? seal, CancellationToken cancellationToken)
    {
        var before = long.MaxValue;
        for (var look = 0; ; look++)
        {
            var frames = new FrameReader(file, header, file.Length);
            while (frames.TryRead())
                cancellationToken.ThrowIfCancellationRequested();
            if (frames.Position > before || SegmentTail.Read(file, header, seal, frames.Position, frames.NextOffset).Problem is null)
                return (frames.Position, frames.NextOffset);
            if (look == Looks)
                return (file.Length, frames.NextOffset);
            // What follows may be an append that is being written. Then it is whole when it is read again.
            before = frames.Position;
            cancellationToken.WaitHandle.WaitOne(LookInterval);
        }
    }

    /// <summary>Copies a file up to a position, durably, replacing its header.</summary>
    private static void CopyBytes(
        IStorageFile file, FileStorage copy, string name, ReadOnlySpan<byte> header, long end, CancellationToken cancellationToken)
    {
        using var written = copy.Create(name);
        written.Write(header, 0);
        var buffer = new byte[ChunkBytes];
        for (long position = header.Length; position < end;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var read = file.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - position)), position);
            if (read == 0)
                break; // the space reserved after the frames was released meanwhile
            written.Write(buffer.AsSpan(0, read), position);
            position += read;
        }

        written.Flush();
    }

    private static ulong[] BasesOf(IStorage storage) =>
        [
            .. storage
                .List()
                .Select(name => SegmentName.TryParse(name, out var baseOffset) ? baseOffset : (ulong?)null)
                .OfType<ulong>()
                .Order(),
        ];

    private static IStorageFile? OpenIfThere(IStorage storage, string name)
    {
        try
        {
            return storage.Open(name, canWrite: false);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }
}
