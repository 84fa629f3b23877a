namespace LogKit.Disk.Storage;

/// <summary>
/// Everything that the log asks of a file system: one directory of flat names. The one seam between the log and the disk, so that
/// a test can lose power, or fail, at any call.
/// </summary>
/// <remarks>
/// Failures are <see cref="IOException"/> (or <see cref="UnauthorizedAccessException"/>). <see cref="StorageFullException"/> says that
/// there is no room, of what takes room: a flush or a rename that fails is a failure, whatever its cause. Writes and sizes are durable
/// after <see cref="IStorageFile.Flush"/>, names after <see cref="FlushDirectory"/>, and nothing before.
/// </remarks>
internal interface IStorage : IDisposable
{
    /// <summary>Where this is, in words for people.</summary>
    string Location { get; }

    /// <summary>Whether a lock keeps others out.</summary>
    bool IsLocked { get; }

    /// <summary>
    /// Takes the directory for this process, until disposal: by a lock on it, if it can be locked, and by one on a file in it.
    /// </summary>
    /// <param name="name">The file.</param>
    /// <param name="canCreate">Whether to make the file if it is not there; otherwise the directory's own lock has to do.</param>
    /// <returns>The file, which belongs to this storage; null if it is not there.</returns>
    /// <exception cref="LogInUseException">Somebody has it.</exception>
    IStorageFile? Lock(string name, bool canCreate);

    /// <summary>
    /// Makes sure that the directory, its locked file and an open file are still those that their names lead to: nothing that is
    /// written to others would be found again.
    /// </summary>
    /// <exception cref="IOException">They are not; the message says which, and what may have happened.</exception>
    void RequirePresence(string name, IStorageFile file);

    /// <summary>The names of the files there are, in no order.</summary>
    IReadOnlyList<string> List();

    /// <summary>Makes a new empty file, or empties the one there is.</summary>
    /// <exception cref="FileNotMadeException">It could not be opened or made. Nothing has changed.</exception>
    IStorageFile Create(string name);

    /// <summary>Opens a file that exists.</summary>
    IStorageFile Open(string name, bool canWrite);

    /// <summary>Gives a file another name, in place of the file that has it.</summary>
    void Rename(string from, string to);

    /// <summary>Removes a file. Open files of it stay readable.</summary>
    void Delete(string name);

    /// <summary>Makes creations, renames and deletions durable.</summary>
    void FlushDirectory();
}

/// <summary>One open file. Reads may run beside each other and beside a write; a write, a resize and a flush take turns.</summary>
internal interface IStorageFile : IDisposable
{
    long Length { get; }

    /// <summary>By what name messages call it. Whoever renames it says so.</summary>
    string Name { set; }

    /// <summary>Reads up to a buffer's length; fewer bytes only at the end of the file.</summary>
    int Read(Span<byte> buffer, long position);

    /// <summary>Writes all of a buffer.</summary>
    void Write(ReadOnlySpan<byte> buffer, long position);

    /// <summary>Makes sure that there is room up to a length, without changing what the file holds, and grows it with zeros.</summary>
    /// <exception cref="StorageFullException">There is no room.</exception>
    void Reserve(long length);

    /// <summary>Cuts the file, or grows it with zeros.</summary>
    void SetLength(long length);

    /// <summary>
    /// Makes what was written, and the file's length, durable. A file that has lost its name fails: it would be lost with it.
    /// </summary>
    void Flush();
}

/// <summary>The device or the quota has no room left.</summary>
internal sealed class StorageFullException(string message, Exception? innerException = null) : IOException(message, innerException);

/// <summary>A file could not be made, for example as the process has no file descriptor left. Nothing has changed.</summary>
internal sealed class FileNotMadeException(string message, Exception? innerException = null) : IOException(message, innerException);
