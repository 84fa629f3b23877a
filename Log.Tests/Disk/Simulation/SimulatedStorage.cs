using LogKit.Disk.Storage;

namespace LogKit.Tests.Disk.Simulation;

/// <summary>
/// An in-memory file system that can lose power, or fail, at any operation. It guarantees no more than a real file system:
/// <list type="bullet">
/// <item>After a power loss, each sector written since the last flush of its file has either the old or the new content, in any
/// combination. The same applies to a change of the file's length. A sector has 512 or 4096 bytes.</item>
/// <item>After a power loss, each name that was created, changed, or removed since the last flush of the directory is in either its old or
/// its new state, independent of other names. A flushed file whose name was not flushed is gone.</item>
/// <item>A flush that fails loses its data permanently, as on Linux: the data can be read until the power is lost, and the next flush
/// succeeds.</item>
/// <item>A write that fails may have happened in part.</item>
/// <item>Whatever survives one power loss is durable at the next.</item>
/// </list>
/// </summary>
internal sealed class SimulatedStorage(SimulatedDisk disk, string prefix = "") : IStorage
{
    private bool _isDisposed;

    public string Location => "the simulated disk";

    public bool IsLocked { get; private set; }

    public IStorageFile? Lock(string name, bool canCreate) => disk.Do(OperationKind.Other, $"lock {prefix}{name}", () =>
    {
        IsLocked = true;
        if (!disk.Names.TryGetValue(prefix + name, out var inode) && canCreate)
            disk.Names[prefix + name] = inode = new Inode();
        return inode is null ? null : new File(disk, inode, prefix + name);
    });

    public void RequirePresence(string name, IStorageFile file) => disk.Do(OperationKind.Other, $"look at {name}", () =>
    {
        if (!disk.Names.ContainsKey(prefix + name))
            throw new IOException($"{name} was deleted");
    });

    public IReadOnlyList<string> List()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return disk.Do(OperationKind.Read, "list", () =>
            disk.Names.Keys.Where(name => SimulatedDisk.IsIn(name, prefix)).Select(name => name[prefix.Length..]).ToList());
    }

    public IStorageFile Create(string name)
    {
        try
        {
            return disk.Do(OperationKind.Create, $"create {prefix}{name}", () =>
            {
                var inode = disk.Names.TryGetValue(prefix + name, out var present) ? present : disk.Names[prefix + name] = new Inode();
                inode.SetLength(0);
                return new File(disk, inode, prefix + name);
            });
        }
        catch (IOException exception) when (exception is not (StorageFullException or PowerLostException))
        {
            throw new FileNotMadeException(exception.Message, exception);
        }
    }

    public IStorageFile Open(string name, bool canWrite) => disk.Do(OperationKind.Read, $"open {prefix}{name}", () =>
        disk.Names.TryGetValue(prefix + name, out var inode)
            ? new File(disk, inode, prefix + name)
            : throw new FileNotFoundException(name));

    public void Rename(string from, string to) => disk.Do(OperationKind.Rename, $"rename {prefix}{from} to {to}", () =>
    {
        disk.Names[prefix + to] = disk.Names[prefix + from];
        disk.Names.Remove(prefix + from);
    });

    public void Delete(string name) =>
        disk.Do(OperationKind.Delete, $"delete {prefix}{name}", () => disk.Names.Remove(prefix + name));

    public void FlushDirectory() =>
        disk.Do(OperationKind.FlushDirectory, $"flush directory {prefix}", () => disk.MakeNamesDurable(prefix));

    public void Dispose() => _isDisposed = true;

    private sealed class File(SimulatedDisk disk, Inode inode, string name) : IStorageFile
    {
        private string _name = name;
        private bool _isDisposed;

        public long Length => Alive().Length;

        public string Name
        {
            set => _name = value;
        }

        public int Read(Span<byte> buffer, long position)
        {
            var count = Alive().Read(buffer, position);
            disk.CountRead(count);
            return count;
        }

        public void Write(ReadOnlySpan<byte> buffer, long position)
        {
            var bytes = buffer.ToArray();
            disk.Do(
                OperationKind.Write, $"write {bytes.Length} bytes at {position} of {_name}",
                () => Alive().Write(bytes, position),
                failing: random => Alive().Write(bytes.AsSpan(0, random.Next(bytes.Length + 1)).ToArray(), position));
        }

        public void Reserve(long length) => disk.Do(OperationKind.Reserve, $"reserve {length} of {_name}", () =>
        {
            if (length > Alive().Length)
                Alive().SetLength(length);
        });

        public void SetLength(long length) =>
            disk.Do(OperationKind.SetLength, $"set length {length} of {_name}", () => Alive().SetLength(length));

        public void Flush() => disk.Do(
            OperationKind.Flush, $"flush {_name}", () => Alive().MakeDurable(), failing: _ => Alive().LoseUnflushed());

        public void Dispose() => _isDisposed = true;

        private Inode Alive()
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return inode;
        }
    }
}
