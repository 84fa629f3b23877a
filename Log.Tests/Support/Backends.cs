using LogKit.Disk;
using LogKit.InMemory;

namespace LogKit.Tests.Support;

/// <summary>The backends that the service is tested on.</summary>
public enum Backend
{
    InMemory,
    Disk,
}

/// <summary>A log of one of the backends for one test, together with the resources that it uses.</summary>
internal sealed class TestLog : IAsyncDisposable
{
    private readonly TestDirectory? _directory;

    private TestLog(ILog log, TestDirectory? directory)
    {
        Log = log;
        _directory = directory;
    }

    public ILog Log { get; }

    public static TestLog Open(Backend backend)
    {
        if (backend == Backend.InMemory)
            return new TestLog(new InMemoryLog(), directory: null);
        var directory = new TestDirectory();
        return new TestLog(DiskLog.Open(directory.Path), directory);
    }

    public async ValueTask DisposeAsync()
    {
        await Log.DisposeAsync();
        _directory?.Dispose();
    }
}
