using Microsoft.Win32.SafeHandles;

namespace LogKit.Disk.Storage;

/// <summary>A directory of the real file system.</summary>
internal sealed class FileStorage : IStorage
{
    private readonly string _directory;
    private SafeFileHandle? _lock;

    /// <summary>Takes a directory, made, durably, if it is not there.</summary>
    public FileStorage(string directory)
    {
        _directory = Path.GetFullPath(directory);
        Directory.CreateDirectory(_directory);
        for (var parent = Path.GetDirectoryName(_directory); parent is not null; parent = Path.GetDirectoryName(parent))
        {
            if (!TryFlushDirectory(parent))
                return;
        }
    }

    public string Location => _directory;

    public void Lock(string name)
    {
        SafeFileHandle file;
        try
        {
            file = File.OpenHandle(PathOf(name), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception) when (Native.IsLocked(exception))
        {
            throw new LogInUseException(_directory, exception);
        }

        if (!Native.TryLock(file, PathOf(name)))
        {
            file.Dispose();
            throw new LogInUseException(_directory);
        }

        _lock = file;
    }

    public IReadOnlyList<string> List() => [.. Directory.EnumerateFiles(_directory).Select(path => Path.GetFileName(path))];

    public IStorageFile Create(string name) => Open(name, FileMode.Create, FileAccess.ReadWrite);

    public IStorageFile Open(string name, bool canWrite) =>
        Open(name, FileMode.Open, canWrite ? FileAccess.ReadWrite : FileAccess.Read);

    public void Rename(string from, string to) => File.Move(PathOf(from), PathOf(to), overwrite: true);

    public void Delete(string name) => File.Delete(PathOf(name));

    public void FlushDirectory() => Native.FlushDirectory(_directory);

    public void Dispose() => _lock?.Dispose();

    private FileStorageFile Open(string name, FileMode mode, FileAccess access)
    {
        // FileShare.ReadWrite: the directory's lock guards all its files, and a lock a file would only get in a reader's way.
        var path = PathOf(name);
        try
        {
            return new FileStorageFile(File.OpenHandle(path, mode, access, FileShare.ReadWrite | FileShare.Delete), path);
        }
        catch (IOException exception) when (Native.IsFull(exception))
        {
            throw new StorageFullException($"could not create {path}: {exception.Message}", exception);
        }
    }

    // Directories above may belong to others, who then have made them durable.
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

/// <summary>An open file of the real file system.</summary>
internal sealed class FileStorageFile(SafeFileHandle handle, string path) : IStorageFile
{
    public long Length => RandomAccess.GetLength(handle);

    public int Read(Span<byte> buffer, long position)
    {
        var total = 0;
        while (total < buffer.Length && RandomAccess.Read(handle, buffer[total..], position + total) is var read && read > 0)
            total += read;
        return total;
    }

    public void Write(ReadOnlySpan<byte> buffer, long position)
    {
        try
        {
            RandomAccess.Write(handle, buffer, position);
        }
        catch (IOException exception) when (Native.IsFull(exception))
        {
            throw new StorageFullException($"could not write {path}: {exception.Message}", exception);
        }
    }

    public void Reserve(long length)
    {
        var present = Length;
        if (length <= present)
            return;
        try
        {
            if (!Native.TryAllocate(handle, present, length - present, path))
                WriteZeros(present, length);
        }
        catch (StorageFullException)
        {
            SetLength(present); // it may have come a part of the way
            throw;
        }
    }

    public void SetLength(long length)
    {
        try
        {
            RandomAccess.SetLength(handle, length);
        }
        catch (IOException exception) when (Native.IsFull(exception))
        {
            throw new StorageFullException($"could not resize {path}: {exception.Message}", exception);
        }
    }

    private void WriteZeros(long position, long end)
    {
        for (var zeros = new byte[64 * 1024]; position < end; position += zeros.Length)
            Write(zeros.AsSpan(0, (int)Math.Min(zeros.Length, end - position)), position);
    }

    public void Flush() => Native.FlushData(handle, path);

    public void Dispose() => handle.Dispose();
}
