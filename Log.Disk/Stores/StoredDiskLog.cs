using LogKit.Disk.Storage;

namespace LogKit.Disk.Stores;

/// <summary>A log of a store: opened when a call needs it, and closed when it is idle. Handles and waits do not notice.</summary>
internal sealed class StoredDiskLog : StoredLog, IDisposable
{
    private readonly OpenLogs _open;
    private readonly Func<IStorage> _openStorage;
    private readonly Lock _gate = new(); // held while the log is being opened or closed
    private DiskLog? _log; // under _gate; null while it is closed
    private int _calls; // under _gate: calls in flight, which keep it open
    private bool _isEnding; // under _gate: the store is disposed, or the log is being deleted
    private TaskCompletionSource? _idle; // under _gate: completed when there are no more calls
    private readonly OffsetSignal _appended; // outlives the open log
    private DiskLogOptions _options; // under _gate
    private volatile bool _wasOpened; // so that _appended knows the end of the log

    /// <param name="info">The log.</param>
    /// <param name="openStorage">Opens its directory.</param>
    /// <param name="options">How it is opened.</param>
    /// <param name="open">The open logs of the store.</param>
    public StoredDiskLog(LogInfo info, Func<IStorage> openStorage, DiskLogOptions options, OpenLogs open)
        : base(info)
    {
        (_openStorage, _options, _open) = (openStorage, options, open);
        _appended = new OffsetSignal(0, this);
    }

    /// <summary>Whether the log is never closed before the store.</summary>
    public bool StaysOpen { get; init; }

    /// <summary>The identity of the log in its files, once it was opened.</summary>
    public Guid DiskId { get; private set; }

    /// <summary>When the log was last used, in milliseconds of <see cref="Environment.TickCount64"/>.</summary>
    public long UsedAtMs { get; private set; } = Environment.TickCount64;

    protected override bool AppendsInCallOrder => true;

    /// <summary>When the retention of the log was last applied while it was closed, like <see cref="UsedAtMs"/>.</summary>
    public long RetainedAtMs { get; private set; } = Environment.TickCount64;

    /// <summary>Applies the retention of the log if it is closed. An open log does so by itself.</summary>
    public void RetainIfClosed()
    {
        lock (_gate)
        {
            RetainedAtMs = Environment.TickCount64;
            if (_log is not null || _isEnding)
                return;
            _log = OpenLog();
            CloseLog();
        }
    }

    /// <summary>Opens the log if it is closed.</summary>
    public void Touch()
    {
        BeginCall();
        EndCall();
    }

    /// <summary>Closes the log if no call is in flight. Returns whether it is closed.</summary>
    public bool TryClose()
    {
        lock (_gate)
        {
            if (_calls > 0 || StaysOpen)
                return false;
            CloseLog();
            return true;
        }
    }

    /// <summary>Applies other options.</summary>
    public void Change(LogInfo info, DiskLogOptions options)
    {
        lock (_gate)
        {
            Info = info;
            _options = options;
            _log?.ChangeRetention(options);
        }
    }

    /// <summary>Lets no more calls begin, waits for those in flight, and closes the log. Waits stay pending.</summary>
    public async Task SuspendAsync()
    {
        Task idle;
        lock (_gate)
        {
            _isEnding = true;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_calls == 0)
                _idle.TrySetResult();
            idle = _idle.Task;
        }

        await idle.ConfigureAwait(false);
        lock (_gate)
            CloseLog();
    }

    /// <summary>Undoes <see cref="SuspendAsync"/>.</summary>
    public void Resume()
    {
        lock (_gate)
            (_isEnding, _idle) = (false, null);
    }

    /// <summary>Ends pending waits when the store is disposed.</summary>
    public void Dispose() => _appended.Dispose();

    protected override ITruncatableLog BeginCall()
    {
        var opens = false;
        DiskLog log;
        lock (_gate)
        {
            if (_isEnding)
                throw _open.IsDisposed
                    ? new ObjectDisposedException(nameof(DiskLogStore))
                    : new LogUnavailableException($"the log '{Info.Name}' is being deleted");
            if (_log is null)
                (_log, opens) = (OpenLog(), true);
            log = _log;
            _calls++;
            UsedAtMs = Environment.TickCount64;
        }

        if (opens && !StaysOpen)
            _open.Opened(this); // not under the lock: it closes others
        return log;
    }

    protected override void EndCall()
    {
        lock (_gate)
        {
            if (--_calls == 0)
                _idle?.TrySetResult();
        }
    }

    protected override ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken)
    {
        if (!_wasOpened)
            Touch();
        return _appended.WaitAsync(offset, cancellationToken);
    }

    private DiskLog OpenLog()
    {
        try
        {
            var log = DiskLog.Open(_openStorage(), _options, appended: _appended);
            if (!StaysOpen && log.Id != Info.Id)
            {
                Close(log);
                throw new LogDamagedException(
                    log.Directory, 0, $"the files are not those of the log '{Info.Name}', whose settings are beside them: restore them");
            }

            (DiskId, _wasOpened) = (log.Id, true);
            return log;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LogUnavailableException($"the log '{Info.Name}' cannot be opened: {exception.Message}", exception);
        }
    }

    private void CloseLog()
    {
        if (_log is null)
            return;
        Close(_log);
        _log = null;
        _open.Closed(this);
    }

    // No call is in flight, so this waits for nothing but the device.
    private static void Close(DiskLog log) => log.DisposeAsync().AsTask().GetAwaiter().GetResult();
}
