namespace LogKit.Disk.Storage;

/// <summary>
/// Everything that the log needs of a file system: one flat directory. All disk access goes through this interface, so that a test can
/// simulate a power failure or an error at any call.
/// </summary>
/// <remarks>
/// Failures are <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>. Operations that allocate space throw
/// <see cref="StorageFullException"/> if there is none; a flush or rename that fails is a failure whatever its cause. Writes and sizes are
/// durable after <see cref="IStorageFile.Flush"/>, names after <see cref="FlushDirectory"/>, and neither before.
/// </remarks>
internal interface IStorage : IDisposable
{
    /// <summary>The location, for messages.</summary>
    string Location { get; }

    /// <summary>Whether the directory is locked.</summary>
    bool IsLocked { get; }

    /// <summary>
    /// Locks the directory until disposal: the directory itself, if it can be locked, and a file in it.
    /// </summary>
    /// <param name="name">The name of the file.</param>
    /// <param name="canCreate">Whether to create the file if it does not exist. Otherwise the lock on the directory must suffice.</param>
    /// <returns>The file, which this storage owns; null if it does not exist.</returns>
    /// <exception cref="LogInUseException">It is locked.</exception>
    IStorageFile? Lock(string name, bool canCreate);

    /// <summary>
    /// Checks that the names of the directory, its lock file, and an open file still refer to them. Otherwise, what is written to them
    /// would be lost.
    /// </summary>
    /// <exception cref="IOException">A name refers to another file, or to none. The message says which.</exception>
    void RequirePresence(string name, IStorageFile file);

    /// <summary>The names of all files, in no particular order.</summary>
    IReadOnlyList<string> List();

    /// <summary>Creates an empty file, or truncates an existing one.</summary>
    /// <exception cref="FileNotMadeException">The file could not be opened or created. Nothing has changed.</exception>
    IStorageFile Create(string name);

    /// <summary>Opens an existing file.</summary>
    IStorageFile Open(string name, bool canWrite);

    /// <summary>Renames a file, replacing a file that has the new name.</summary>
    void Rename(string from, string to);

    /// <summary>Deletes a file. It stays readable where it is open.</summary>
    void Delete(string name);

    /// <summary>Makes creations, renames and deletions durable.</summary>
    void FlushDirectory();
}

/// <summary>An open file. Reads may run concurrently with each other and with one write, resize, or flush.</summary>
internal interface IStorageFile : IDisposable
{
    long Length { get; }

    /// <summary>The name in messages. Set it after renaming the file.</summary>
    string Name { set; }

    /// <summary>Reads into a buffer. Returns fewer bytes than its length only at the end of the file.</summary>
    int Read(Span<byte> buffer, long position);

    /// <summary>Writes a whole buffer.</summary>
    void Write(ReadOnlySpan<byte> buffer, long position);

    /// <summary>Allocates space up to a length. Extends the file with zeros, without changing its content.</summary>
    /// <exception cref="StorageFullException">There is no space.</exception>
    void Reserve(long length);

    /// <summary>Truncates the file, or extends it with zeros.</summary>
    void SetLength(long length);

    /// <summary>
    /// Makes written data and the length of the file durable. Fails if the file has been deleted, since the data would be lost with it.
    /// </summary>
    void Flush();
}

/// <summary>There is no space on the device, or the quota is exhausted.</summary>
internal sealed class StorageFullException(string message, Exception? innerException = null) : IOException(message, innerException);

/// <summary>A file could not be created, for example because the process is out of file descriptors. Nothing has changed.</summary>
internal sealed class FileNotMadeException(string message, Exception? innerException = null) : IOException(message, innerException);
