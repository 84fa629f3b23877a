using Microsoft.Win32.SafeHandles;

namespace LogKit.Disk.Storage;

/// <summary>A directory of the real file system.</summary>
/// <remarks>
/// The directory stays open, so flushing it needs no new descriptor, and the lock on it does not depend on a file that somebody may delete.
/// </remarks>
internal sealed class FileStorage : IStorage
{
    private readonly string _directory;
    private readonly SafeFileHandle? _handle; // of the directory; null on Windows
    private FileStorageFile? _lock;
    private string _lockName = "";
    private bool _isDirectoryLocked;

    /// <summary>Opens a directory. Creates it if it does not exist.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="flushesParents">Whether to make the names of the directory and of those above it durable.</param>
    public FileStorage(string directory, bool flushesParents = true)
    {
        Native.Preload();
        _directory = Path.GetFullPath(directory);
        Directory.CreateDirectory(_directory);
        for (var parent = Path.GetDirectoryName(_directory); flushesParents && parent is not null; parent = Path.GetDirectoryName(parent))
        {
            if (!TryFlushDirectory(parent))
                break;
        }

        _handle = Native.OpenDirectory(_directory);
    }

    public string Location => _directory;

    public bool IsLocked => _isDirectoryLocked || _lock is not null;

    public IStorageFile? Lock(string name, bool canCreate)
    {
        _lockName = name;
        if (_handle is not null)
            _isDirectoryLocked = Native.TryLockDirectory(_handle) ?? throw new LogInUseException(_directory);
        if (!canCreate && !File.Exists(PathOf(name)) && FileStatus.Of(PathOf(name), followsLink: false) is null)
            return null;
        return _lock = OpenLock();
    }

    public void RequirePresence(string name, IStorageFile file)
    {
        if (_handle is null || FileStatus.Of(_handle) is not { } directory)
            return; // not available on this system
        if (FileStatus.Of(_directory) is not { } found || !found.IsSameAs(directory))
            throw new IOException($"{_directory} is no longer the directory that was opened: it was deleted, moved or replaced");
        if (FileStatus.Of(PathOf(name)) is not { } segment || !segment.IsSameAs(((FileStorageFile)file).Status ?? segment))
            throw new IOException($"{PathOf(name)} is no longer the file that is open: it was deleted, moved or replaced");
        if (_lock is null || (FileStatus.Of(PathOf(_lockName)) is { } locked && locked.IsSameAs(_lock.Status ?? locked)))
            return;

        // Opening a log takes the lock on the directory, too, except in older releases, or if the directory cannot be locked.
        var lost = _lock;
        try
        {
            _lock = OpenLock();
        }
        catch (Exception exception) when (exception is LogException or UnauthorizedAccessException)
        {
            throw new IOException($"{PathOf(_lockName)} was deleted or replaced while the log was open: {exception.Message}", exception);
        }

        var copy = new byte[lost.Length];
        _lock.Write(copy.AsSpan(0, lost.Read(copy, 0)), 0);
        lost.Dispose();
    }

    public IReadOnlyList<string> List() => [.. Directory.EnumerateFiles(_directory).Select(path => Path.GetFileName(path))];

    public IStorageFile Create(string name)
    {
        try
        {
            return Open(name, FileMode.Create, FileAccess.ReadWrite);
        }
        catch (Exception exception) when (exception is (IOException and not StorageFullException) or UnauthorizedAccessException)
        {
            throw new FileNotMadeException(exception.Message, exception);
        }
    }

    public IStorageFile Open(string name, bool canWrite) =>
        Open(name, FileMode.Open, canWrite ? FileAccess.ReadWrite : FileAccess.Read);

    public void Rename(string from, string to) => File.Move(PathOf(from), PathOf(to), overwrite: true);

    public void Delete(string name) => File.Delete(PathOf(name));

    public void FlushDirectory()
    {
        if (_handle is not null)
            Native.FlushDirectory(_handle, _directory);
    }

    public void Dispose()
    {
        _lock?.Dispose();

        // Closing releases the lock only when no process has the descriptor, and a child process that is starting has it for a moment.
        if (_isDirectoryLocked)
            Native.Unlock(_handle!);
        _isDirectoryLocked = false;
        _handle?.Dispose();
    }

    private FileStorageFile OpenLock()
    {
        var path = PathOf(_lockName);
        SafeFileHandle file;
        try
        {
            RequireFile(path);
            file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception) when (Native.IsLocked(exception))
        {
            throw new LogInUseException(_directory, exception);
        }

        if (Native.TryLock(file, path))
            return new FileStorageFile(file, path);
        file.Dispose();
        throw new LogInUseException(_directory);
    }

    private FileStorageFile Open(string name, FileMode mode, FileAccess access)
    {
        // FileShare.ReadWrite: the lock on the directory protects its files. Locks per file would only get in the way of readers.
        var path = PathOf(name);
        RequireFile(path);
        try
        {
            return new FileStorageFile(File.OpenHandle(path, mode, access, FileShare.ReadWrite | FileShare.Delete), path);
        }
        catch (IOException exception) when (Native.IsFull(exception))
        {
            throw new StorageFullException($"could not create {path}: {exception.Message}", exception);
        }
    }

    /// <summary>
    /// Refuses anything but a regular file: opening a pipe would block, and reading a device might never end.
    /// </summary>
    private static void RequireFile(string path)
    {
        switch (FileStatus.Of(path)?.Kind)
        {
            case FileKind.Directory:
                throw new IOException($"{path} is a directory where the log expects a file: move it away");
            case FileKind.Other:
                throw new IOException($"{path} is not a regular file: move it away");
            case null when FileStatus.Of(path, followsLink: false) is not null:
                throw new IOException($"{path} is a link to a file that does not exist: restore that file, or remove the link");
            default:
                break;
        }
    }

    // Parent directories may belong to others, who are then responsible for flushing them.
    private static bool TryFlushDirectory(string path)
    {
        try
        {
            Native.FlushDirectory(path);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private string PathOf(string name) => Path.Combine(_directory, name);
}
