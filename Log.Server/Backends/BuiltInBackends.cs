namespace LogKit.Server.Backends;

/// <summary>The logs that LogKit's own server can serve.</summary>
public static class BuiltInBackends
{
    /// <summary>All of them, the default first.</summary>
    public static IReadOnlyList<ILogBackend> All { get; } = [new DiskBackend(), new MemoryBackend(), new PostgresBackend()];
}
