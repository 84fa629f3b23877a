namespace LogKit.Server.Backends;

/// <summary>The backends of the LogKit server.</summary>
public static class BuiltInBackends
{
    /// <summary>All built-in backends. The first is the default.</summary>
    public static IReadOnlyList<ILogBackend> All { get; } = [new DiskBackend(), new MemoryBackend(), new PostgresBackend()];
}
