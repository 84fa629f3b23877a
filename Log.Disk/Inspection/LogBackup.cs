using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Inspection;

/// <summary>Copies a log that may be open and appended to meanwhile, so that the copy opens as the log was at one moment.</summary>
/// <remarks>
/// Everything that was acknowledged before the copy began is in it. The order does it:
/// <list type="bullet">
/// <item>Segments go first, the oldest before the others. One that is followed by another is complete. The last one is copied as far as its
/// frames
/// are whole; if another has followed it by then, it is copied again, as it has grown since.</item>
/// <item>A segment's header is read before its frames: so what it says of how far the segment is flushed is not ahead of the copy.</item>
/// <item>START goes last: a segment that retention removed during the copy lies before it.</item>
/// <item>LOCK and the indexes stay: opening makes them.</item>
/// </list>
/// </remarks>
public static class LogBackup
{
    private const int ChunkBytes = 1024 * 1024;

    /// <summary>How often to look again at what an append may be writing at this moment, before it is taken for damage.</summary>
    private const int Looks = 10;

    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>Copies a log, flushes the copy, and verifies it.</summary>
    /// <param name="directory">The log's directory. Nothing in it is changed.</param>
    /// <param name="target">The copy's directory: one that is empty, or is not there yet.</param>
    /// <param name="progress">Told how far the verification has come.</param>
    /// <param name="cancellationToken">Ends it; what was copied is removed.</param>
    /// <returns>What the copy holds. It is as damaged as the log is.</returns>
    /// <exception cref="FileNotFoundException">There is no log.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    /// <exception cref="IOException">
    /// The target is not empty, has no room, or a file cannot be read or written. What was copied is removed.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static LogVerification Copy(
        string directory, string target, IProgress<VerificationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        using var source = LogInspector.StorageOf(directory);
        if (BasesOf(source).Length == 0)
            throw new FileNotFoundException($"there is no log in {directory}");
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
            throw new IOException($"{target} is not empty: give a directory that is empty, or not there yet");
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

    /// <summary>Copies what is not complete yet; returns the offset that the copy goes up to.</summary>
    private static ulong CopySegments(IStorage source, FileStorage copy, HashSet<ulong> complete, CancellationToken cancellationToken)
    {
        var end = 0ul;
        for (var bases = BasesOf(source); ;)
        {
            foreach (var baseOffset in bases.Where(baseOffset => !complete.Contains(baseOffset)))
            {
                using var file = OpenIfThere(source, SegmentName.Of(baseOffset));
                if (file is null)
                    continue; // retention removed it
                var isLast = baseOffset == bases[^1];
                end = CopySegment(file, copy, baseOffset, isLast, cancellationToken);
                if (!isLast)
                    complete.Add(baseOffset);
            }

            // A listing may lack files that were made while it was read, even such as are older than others that it has; the next one has
            // them.
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

            cancellationToken.WaitHandle.WaitOne(LookInterval); // its seal is being written
        }

        CopyBytes(file, copy, name, header: [], file.Length, cancellationToken); // it is damaged
        return baseOffset;
    }

    /// <summary>
    /// Where the whole frames of a segment end that may be written to; the end of the file if there is damage behind them.
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
            // What follows may be an append that was half written when it was read: then it is whole at the next look.
            before = frames.Position;
            cancellationToken.WaitHandle.WaitOne(LookInterval);
        }
    }

    /// <summary>Copies a file up to a position, durably, with a header in place of its own.</summary>
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
                break; // the space reserved behind the frames was given back meanwhile
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
