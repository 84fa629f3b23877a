using System.Globalization;
using LogKit.Disk.Storage;
using LogKit.Disk.Stores;

namespace LogKit.Tests.Disk.Simulation;

/// <summary>The directories of a store on a simulated disk. Deleting one takes many steps, as on a real file system.</summary>
internal sealed class SimulatedStoreStorage(SimulatedDisk disk) : IStoreStorage
{
    public IStorage OpenDefault() => new SimulatedStorage(disk);

    public IReadOnlyList<string> List() => disk.Do(OperationKind.Read, "list directories", () => disk.Directories.Values.ToList());

    public IStorage Create(string directory) => disk.Do(OperationKind.Create, $"make directory {directory}", () =>
    {
        var number = disk.Directories.Keys.DefaultIfEmpty().Max() + 1;
        disk.Directories[number] = directory;
        return StorageOf(number);
    });

    public IStorage Open(string directory) =>
        disk.Do(OperationKind.Read, $"open directory {directory}", () => StorageOf(NumberOf(directory)));

    public void Rename(string from, string to) => disk.Do(OperationKind.Rename, $"rename directory {from} to {to}", () =>
    {
        if (disk.Directories.ContainsValue(to))
            throw new IOException($"{to} exists");
        disk.Directories[NumberOf(from)] = to;
    });

    public void Delete(string directory)
    {
        var number = NumberOf(directory);
        foreach (var name in disk.Names.Keys.Where(name => SimulatedDisk.IsIn(name, PrefixOf(number))).ToList())
            disk.Do(OperationKind.Delete, $"delete {name}", () => disk.Names.Remove(name));
        disk.Do(OperationKind.Delete, $"remove directory {directory}", () => disk.Directories.Remove(number));
    }

    public void Flush() => disk.Do(OperationKind.FlushDirectory, "flush directories", disk.MakeDirectoriesDurable);

    private int NumberOf(string directory) => disk.Directories.FirstOrDefault(one => one.Value == directory) is { Key: > 0 and var number }
        ? number : throw new DirectoryNotFoundException(directory);

    private SimulatedStorage StorageOf(int number) => new(disk, PrefixOf(number));

    private static string PrefixOf(int number) => string.Create(CultureInfo.InvariantCulture, $"{number}/");
}
