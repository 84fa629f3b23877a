using LogKit.Disk.Storage;

namespace LogKit.Disk.Stores;

/// <summary>
/// Everything that a store needs of a file system: the directory of the default log, and one directory for each other log. As with
/// <see cref="IStorage"/>, a test can simulate a power failure or an error at any call.
/// </summary>
/// <remarks>
/// Failures are <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>. The names of directories are durable after
/// <see cref="Flush"/>, and not before.
/// </remarks>
internal interface IStoreStorage
{
    /// <summary>Opens the directory of the default log, and creates it if it does not exist.</summary>
    IStorage OpenDefault();

    /// <summary>The names of the directories of all other logs, in no particular order.</summary>
    IReadOnlyList<string> List();

    /// <summary>Creates the directory of a log.</summary>
    IStorage Create(string directory);

    /// <summary>Opens the directory of a log.</summary>
    IStorage Open(string directory);

    /// <summary>Renames a directory. No other has the new name.</summary>
    void Rename(string from, string to);

    /// <summary>Deletes a directory with everything in it.</summary>
    void Delete(string directory);

    /// <summary>Makes creations, renames, and deletions durable.</summary>
    void Flush();
}
