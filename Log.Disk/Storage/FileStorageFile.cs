using Microsoft.Win32.SafeHandles;

namespace LogKit.Disk.Storage;

/// <summary>An open file of the real file system.</summary>
internal sealed class FileStorageFile(SafeFileHandle handle, string path) : IStorageFile
{
    private volatile string _path = path;

    public long Length => RandomAccess.GetLength(handle);

    public string Name
    {
        set => _path = Path.Combine(Path.GetDirectoryName(_path)!, value);
    }

    /// <summary>The status of the file; null if it is not available.</summary>
    public FileStatus? Status => FileStatus.Of(handle);

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
            throw new StorageFullException($"could not write {_path}: {exception.Message}", exception);
        }
    }

    public void Reserve(long length)
    {
        var present = Length;
        if (length <= present)
            return;
        try
        {
            if (!Native.TryAllocate(handle, present, length - present, _path))
                WriteZeros(present, length);
        }
        catch (StorageFullException)
        {
            SetLength(present); // it may have grown in part
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
            throw new StorageFullException($"could not resize {_path}: {exception.Message}", exception);
        }
    }

    public void Flush()
    {
        Native.FlushData(handle, _path);
        if (Status is { LinkCount: 0 })
            throw new IOException($"{_path} was deleted while the log was open: its contents are lost when it is closed");
    }

    public void Dispose() => handle.Dispose();

    private void WriteZeros(long position, long end)
    {
        for (var zeros = new byte[64 * 1024]; position < end; position += zeros.Length)
            Write(zeros.AsSpan(0, (int)Math.Min(zeros.Length, end - position)), position);
    }
}
