using System.Globalization;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Inspection;

/// <summary>
/// Keeps what a repair removes, in files beside the log whose names are not the log's. A file has its name only once all of it is
/// durable, and never replaces one that holds something else; the same again, as after a crash, is kept once.
/// </summary>
internal sealed class RemovedFiles(IStorage storage)
{
    private const int ChunkBytes = 1024 * 1024;

    private readonly List<string> _names = [];

    /// <summary>What was kept, in the order in which it was.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>Copies a part of a file, durably.</summary>
    public void Copy(string from, long start, long end, string to)
    {
        using var source = storage.Open(from, canWrite: false);
        var (name, isThere) = FindName(source, start, end, to);
        _names.Add(name);
        if (isThere)
        {
            storage.FlushDirectory(); // the one who wrote it may not have come to that
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

    /// <summary>Gives a whole file its new name, durably.</summary>
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

    /// <summary>The name, or the next one with a number, that is free or has the very bytes already.</summary>
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
