using LogKit.InMemory;

namespace LogKit.Server.Backends;

/// <summary>A log in memory, which is lost when the server stops. For experiments. See <see cref="InMemoryLog"/>.</summary>
public sealed class MemoryBackend : ILogBackend
{
    /// <inheritdoc/>
    public string Name => "Memory";

    /// <inheritdoc/>
    public IReadOnlyList<Setting> Settings { get; } = [CommonSettings.BatchLimitBytes];

    /// <inheritdoc/>
    public ValueTask<OpenedLog> OpenAsync(SettingValues settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var options = new InMemoryLogOptions { BatchLimitBytes = settings.Get(CommonSettings.BatchLimitBytes) };
        return ValueTask.FromResult<OpenedLog>(new Opened(new InMemoryLog(options)));
    }

    private sealed class Opened(InMemoryLog log) : OpenedLog(log)
    {
        public override void Report(ILogger journal) => journal.BackendIsMemory();
    }
}
