using System.Globalization;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Inspection;

/// <summary>
/// Keeps what a repair removes, in files next to the log with other names. A file gets its name only once it is durable, and never replaces
/// one with other content. If the same content is there already, for example after a crash, it is not stored again.
/// </summary>
internal sealed class RemovedFiles(IStorage storage)
{
    private const int ChunkBytes = 1024 * 1024;

    private readonly List<string> _names = [];

    /// <summary>The names of the files, in the order in which they were stored.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>Copies a part of a file durably.</summary>
    public void Copy(string from, long start, long end, string to)
    {
        using var source = storage.Open(from, canWrite: false);
        var (name, isThere) = FindName(source, start, end, to);
        _names.Add(name);
        if (isThere)
        {
            storage.FlushDirectory(); // the process that wrote it may not have done that
            return;
        }

        var temporary = $"{name}.tmp";
        using (var target = storage.Create(temporary))
        {
            var buffer = new byte[(int)Math.Min(ChunkBytes, end - start)];
            for (var position = start; position < end;)
            {
                var count = source.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - position)), position);
                if (count == 0)
                    throw new IOException($"could not read {from} to its end");
                target.Write(buffer.AsSpan(0, count), position - start);
                position += count;
            }

            target.Flush();
        }

        storage.Rename(temporary, name);
        storage.FlushDirectory();
    }

    /// <summary>Renames a whole file durably.</summary>
    public void Move(string from, string to)
    {
        string name;
        bool isThere;
        using (var source = storage.Open(from, canWrite: false))
            (name, isThere) = FindName(source, 0, source.Length, to);
        _names.Add(name);
        if (isThere)
            storage.Delete(from);
        else
            storage.Rename(from, name);
        storage.FlushDirectory();
    }

    /// <summary>Finds the name, or the name with the lowest number, that is free or already has the same content.</summary>
    private (string Name, bool IsThere) FindName(IStorageFile source, long start, long end, string wanted)
    {
        var names = storage.List();
        var name = wanted;
        for (var number = 2; names.Contains(name); number++)
        {
            using (var present = storage.Open(name, canWrite: false))
            {
                if (AreSame(source, start, end, present))
                    return (name, true);
            }

            name = string.Create(CultureInfo.InvariantCulture, $"{wanted}.{number}");
        }

        return (name, false);
    }

    private static bool AreSame(IStorageFile source, long start, long end, IStorageFile present)
    {
        if (present.Length != end - start)
            return false;
        var (left, right) = (new byte[ChunkBytes], new byte[ChunkBytes]);
        for (var position = start; position < end; position += ChunkBytes)
        {
            var count = (int)Math.Min(ChunkBytes, end - position);
            if (source.Read(left.AsSpan(0, count), position) != count
                || present.Read(right.AsSpan(0, count), position - start) != count
                || !left.AsSpan(0, count).SequenceEqual(right.AsSpan(0, count)))
            {
                return false;
            }
        }

        return true;
    }
}
