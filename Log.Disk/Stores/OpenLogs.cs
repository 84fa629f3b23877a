namespace LogKit.Disk.Stores;

/// <summary>
/// The open logs of a store. Closes those that have been idle for some time, and the least recently used ones if there are too many. One
/// timer serves all logs.
/// </summary>
internal sealed class OpenLogs : IDisposable
{
    private readonly DiskLogStoreOptions _options;
    private readonly Lock _gate = new();
    private readonly HashSet<StoredDiskLog> _logs = []; // under _gate
    private readonly Timer _timer;

    /// <param name="options">The limits.</param>
    /// <param name="retain">Called at an interval.</param>
    public OpenLogs(DiskLogStoreOptions options, Action retain)
    {
        _options = options;
        var interval = TimeSpan.FromMilliseconds(Math.Clamp(options.IdleLimitMs / 4, 10, 10_000));
        _timer = new Timer(
            _ =>
            {
                CloseIdle();
                retain();
            },
            null,
            interval,
            interval);
    }

    public bool IsDisposed { get; private set; }

    public int Count
    {
        get
        {
            lock (_gate)
                return _logs.Count;
        }
    }

    public void Opened(StoredDiskLog log)
    {
        List<StoredDiskLog> surplus;
        lock (_gate)
        {
            _logs.Add(log);
            if (_logs.Count <= _options.OpenLogLimit)
                return;
            surplus = [.. _logs.Where(other => other != log).OrderBy(other => other.UsedAtMs)];
        }

        foreach (var other in surplus)
        {
            if (Count <= _options.OpenLogLimit)
                break;
            other.TryClose(); // those in use stay open
        }
    }

    public void Closed(StoredDiskLog log)
    {
        lock (_gate)
            _logs.Remove(log);
    }

    public void Dispose()
    {
        IsDisposed = true;
        _timer.Dispose();
    }

    private void CloseIdle()
    {
        List<StoredDiskLog> idle;
        var now = Environment.TickCount64;
        lock (_gate)
            idle = [.. _logs.Where(log => now - log.UsedAtMs > _options.IdleLimitMs)];
        foreach (var log in idle)
            log.TryClose();
    }
}
