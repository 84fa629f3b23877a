using LogKit.Disk.Storage;

namespace LogKit.Disk.Stores;

/// <summary>A directory of the real file system. The logs other than the default log are in its subdirectory <c>logs</c>.</summary>
internal sealed class FileStoreStorage(string directory) : IStoreStorage
{
    private readonly string _root = Path.GetFullPath(directory);
    private readonly string _logs = Path.Combine(Path.GetFullPath(directory), "logs");
    private bool _isRootFlushed; // since the directory of the logs was seen; used by one thread at a time

    public IStorage OpenDefault() => new FileStorage(_root);

    public IReadOnlyList<string> List() =>
        Directory.Exists(_logs) ? [.. Directory.EnumerateDirectories(_logs).Select(path => Path.GetFileName(path))] : [];

    public IStorage Create(string directory) => new FileStorage(PathOf(directory), flushesParents: false);

    public IStorage Open(string directory) => Directory.Exists(PathOf(directory))
        ? new FileStorage(PathOf(directory), flushesParents: false)
        : throw new IOException($"{PathOf(directory)} is no longer there: it was deleted or moved while the store was open");

    public void Rename(string from, string to) => Directory.Move(PathOf(from), PathOf(to));

    public void Delete(string directory) => Directory.Delete(PathOf(directory), recursive: true);

    public void Flush()
    {
        if (!Directory.Exists(_logs))
            return;
        if (!_isRootFlushed)
            Native.FlushDirectory(_root); // which has the name of the directory of the logs
        Native.FlushDirectory(_logs);
        _isRootFlushed = true;
    }

    private string PathOf(string directory) => Path.Combine(_logs, directory);
}
