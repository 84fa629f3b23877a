using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LogKit.Disk.Stores;

namespace LogKit.Disk;

/// <summary>
/// Durable logs by name in a directory. The default log is a <see cref="DiskLog"/> in the directory itself, so a directory with a single
/// log is also a store; every other log has a directory of its own in <c>logs</c>.
/// </summary>
/// <remarks>
/// <para>Creation and deletion rename a directory, which a power failure leaves done or not done. A log that is not in use has no file
/// handle, timer, or thread: it is closed when it is idle, and opened when a call needs it, which blocks the calling thread while the last
/// segment is read. One lock, on the directory of the store, protects all logs; each open log has its own as well.</para>
/// <para>FORMAT.md specifies the file format.</para>
/// </remarks>
public sealed class DiskLogStore : ILogStore
{
    /// <summary>The shortest interval at which a closed log is opened to apply its retention.</summary>
    private const long RetentionIntervalMs = 60_000;

    private readonly IStoreStorage _storage;
    private readonly DiskLogStoreOptions _options;
    private readonly OpenLogs _open;
    private readonly StoredDiskLog _default;
    private readonly ConcurrentDictionary<string, StoredDiskLog> _logs = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changing = new(1, 1); // held while logs are created, changed, or deleted
    private volatile bool _isDisposed;
    private Exception? _failure; // under _changing: it is not known what is on the device

    private DiskLogStore(IStoreStorage storage, DiskLogStoreOptions options)
    {
        (_storage, _options) = (storage, options);
        _open = new OpenLogs(options, RetainClosed);
        try
        {
            _default = OpenDefault();
            FindLogs();
        }
        catch (Exception exception)
        {
            _open.Dispose();
            _default?.SuspendAsync().GetAwaiter().GetResult();
            if (exception is IOException or UnauthorizedAccessException)
                throw new LogUnavailableException($"the store cannot be opened: {exception.Message}", exception);
            throw;
        }
    }

    /// <summary>Opens the store in a directory, or creates a store there with an empty default log.</summary>
    /// <param name="directory">The directory. Created if it does not exist.</param>
    /// <param name="options">The options; the defaults if null.</param>
    /// <exception cref="LogInUseException">The directory is in use by another store or log.</exception>
    /// <exception cref="LogDamagedException">
    /// The default log, or the settings of a log, are damaged. Nothing has been changed. Other logs are examined when they are opened.
    /// </exception>
    /// <exception cref="LogUnavailableException">The directory cannot be created or used.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public static DiskLogStore Open(string directory, DiskLogStoreOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options ??= new DiskLogStoreOptions();
        options.Validate();
        return Open(new FileStoreStorage(directory), options);
    }

    internal static DiskLogStore Open(IStoreStorage storage, DiskLogStoreOptions options) => new(storage, options);

    /// <summary>The number of logs that are open, besides the default log.</summary>
    internal int OpenCount => _open.Count;

    /// <inheritdoc/>
    public ValueTask<ILog> OpenAsync(string name, CancellationToken cancellationToken = default) =>
        Refuse(name, cancellationToken) is { } refusal ? ValueTask.FromException<ILog>(refusal)
        : TryFind(name) is { } log ? ValueTask.FromResult<ILog>(log.OpenHandle())
        : ValueTask.FromException<ILog>(new LogNotFoundException(name));

    /// <inheritdoc/>
    public ValueTask<LogInfo> CreateAsync(string name, LogSettings? settings = null, CancellationToken cancellationToken = default)
    {
        settings ??= new LogSettings();
        return ChangeAsync(
            name,
            async () =>
            {
                LogSettings.Validate(settings);
                var log = new LogInfo(name, Guid.NewGuid(), settings);
                var options = _options.Of(settings);
                if (_logs.ContainsKey(name))
                    throw new LogExistsException(name);
                if (_logs.Count >= _options.LogLimit)
                    throw new LogLimitException(_options.LogLimit);
                await MakeAsync(log, options).ConfigureAwait(false);
                _logs[name] = LogOf(log, options);
                return log;
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<LogInfo> GetAsync(string name, CancellationToken cancellationToken = default) =>
        Refuse(name, cancellationToken) is { } refusal ? ValueTask.FromException<LogInfo>(refusal)
        : TryFind(name) is { } log ? ValueTask.FromResult(log.Info)
        : ValueTask.FromException<LogInfo>(new LogNotFoundException(name));

    /// <inheritdoc/>
    public ValueTask<LogInfo> UpdateAsync(string name, LogSettings settings, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return ChangeAsync(
            name,
            () =>
            {
                var log = Find(name);
                LogSettings.Validate(settings, log.Info.Settings);
                var (changed, options) = (log.Info with { Settings = settings }, _options.Of(settings));
                using (var directory = log == _default ? _storage.OpenDefault() : _storage.Open(LogDirectory.Of(name)))
                    DoOrUndo(() => SettingsFile.Replace(directory, changed), () => SettingsFile.Replace(directory, log.Info));
                log.Change(changed, options);
                return Task.FromResult(changed);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(string name, CancellationToken cancellationToken = default) => await ChangeAsync(
        name,
        async () =>
        {
            var log = Find(name);
            if (log == _default)
                throw new DefaultLogException();
            var deleted = $"{LogDirectory.Unfinished}deleted-{log.Info.Id:N}";
            await log.SuspendAsync().ConfigureAwait(false);
            try
            {
                RenameDurably(LogDirectory.Of(name), deleted);
            }
            catch
            {
                if (_failure is null)
                    log.Resume();
                throw;
            }

            log.End(); // from here on, nobody finds it
            _logs.TryRemove(name, out _);
            TryRemove(deleted);
            return true;
        },
        cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async IAsyncEnumerable<LogInfo> ListAsync(
        string prefix = "", [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        if (Refuse(LogNames.Default, cancellationToken) is { } refusal)
            throw refusal;
        await Task.CompletedTask.ConfigureAwait(false);
        var logs = _logs.Values.Where(log => !log.IsDeleted).Select(log => log.Info);
        var listed = logs.Where(log => log.Name.StartsWith(prefix, StringComparison.Ordinal));
        foreach (var log in listed.OrderBy(log => log.Name, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return log;
        }
    }

    /// <summary>Commits pending appends, ends pending waits, disposes all handles, and unlocks the directory.</summary>
    public async ValueTask DisposeAsync()
    {
        await _changing.WaitAsync().ConfigureAwait(false);
        try
        {
            _isDisposed = true;
            _open.Dispose();
            foreach (var log in _logs.Values.Where(log => log != _default).Append(_default)) // whose lock is that of the store
            {
                await log.SuspendAsync().ConfigureAwait(false);
                log.Dispose();
            }
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>Opens the default log, which stays open: its lock is that of the store.</summary>
    private StoredDiskLog OpenDefault()
    {
        LogInfo? info = null;
        using (var directory = _storage.OpenDefault())
        {
            if (directory.List().Contains(SettingsFile.Name))
                info = SettingsFile.Read(directory);
        }

        info ??= new LogInfo(LogNames.Default, Guid.Empty, new LogSettings());
        var log = new StoredDiskLog(info, _storage.OpenDefault, _options.Of(info.Settings), _open) { StaysOpen = true };
        log.Touch();
        log.Info = info with { Id = log.DiskId };
        _logs[LogNames.Default] = log;
        return log;
    }

    private void FindLogs()
    {
        _storage.Flush(); // what is decided below depends on names, which a power failure must not undo
        foreach (var directory in _storage.List())
        {
            if (directory.StartsWith(LogDirectory.Unfinished, StringComparison.Ordinal))
            {
                TryRemove(directory);
                continue;
            }

            using var storage = _storage.Open(directory);
            if (!storage.List().Contains(SettingsFile.Name))
                throw new LogDamagedException(
                    Path.Combine(storage.Location, SettingsFile.Name),
                    0,
                    "the file is missing: restore it, or move the directory away");
            var info = SettingsFile.Read(storage);
            if (info.Name == LogNames.Default)
                throw new LogDamagedException(
                    storage.Location, 0, "the default log is in the directory of the store: move this directory away");
            if (directory != LogDirectory.Of(info.Name))
                throw new LogDamagedException(
                    storage.Location, 0, $"it is the directory of the log '{info.Name}': rename it to {LogDirectory.Of(info.Name)}");
            _logs[info.Name] = LogOf(info, _options.Of(info.Settings));
        }
    }

    private StoredDiskLog LogOf(LogInfo info, DiskLogOptions options) =>
        new(info, () => _storage.Open(LogDirectory.Of(info.Name)), options, _open);

    /// <summary>Makes the directory of a log: complete, and then with its name.</summary>
    private async Task MakeAsync(LogInfo info, DiskLogOptions options)
    {
        var made = $"{LogDirectory.Unfinished}new-{info.Id:N}";
        try
        {
            var log = DiskLog.Open(_storage.Create(made), options, info.Settings.StartOffset, info.Id);
            await log.DisposeAsync().ConfigureAwait(false);
            using (var directory = _storage.Open(made))
                SettingsFile.Replace(directory, info);
            RenameDurably(made, LogDirectory.Of(info.Name));
        }
        catch
        {
            TryRemove(made);
            throw;
        }
    }

    /// <summary>Renames the directory of a log, durably or not at all.</summary>
    private void RenameDurably(string from, string to)
    {
        _storage.Rename(from, to);
        DoOrUndo(_storage.Flush, () =>
        {
            _storage.Rename(to, from);
            _storage.Flush();
        });
    }

    /// <summary>Changes the device. If that fails, the change is undone; if that fails as well, nothing more is changed.</summary>
    private void DoOrUndo(Action act, Action undo)
    {
        try
        {
            act();
        }
        catch
        {
            try
            {
                undo();
            }
            catch (Exception exception)
            {
                _failure = exception;
            }

            throw;
        }
    }

    /// <summary>Removes a directory that is not that of a log. What remains is removed when the store is next opened.</summary>
    private void TryRemove(string directory)
    {
        try
        {
            _storage.Delete(directory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It takes space, and does no other harm.
        }
    }

    private StoredDiskLog? TryFind(string name) => _logs.TryGetValue(name, out var log) && !log.IsDeleted ? log : null;

    private StoredDiskLog Find(string name) => TryFind(name) ?? throw new LogNotFoundException(name);

    private async ValueTask<T> ChangeAsync<T>(string name, Func<Task<T>> change, CancellationToken cancellationToken)
    {
        if (Refuse(name, cancellationToken) is { } refusal)
            throw refusal;
        await _changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_failure is not null)
                throw new LogUnavailableException(
                    $"an earlier change failed, and it is not known what is on the device: reopen the store ({_failure.Message})",
                    _failure);
            return await change().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LogUnavailableException($"the log '{name}' cannot be changed: {exception.Message}", exception);
        }
        finally
        {
            _changing.Release();
        }
    }

    private Exception? Refuse(string name, CancellationToken cancellationToken)
    {
        if (LogNames.Refuse(name) is { } refusal)
            return refusal;
        if (_isDisposed)
            return new ObjectDisposedException(GetType().FullName);
        return cancellationToken.IsCancellationRequested ? new OperationCanceledException(cancellationToken) : null;
    }

    /// <summary>Opens logs that are closed and limit the age of their records, from time to time.</summary>
    private void RetainClosed()
    {
        foreach (var log in _logs.Values)
        {
            if ((log.Info.Settings.RetentionLimitMs ?? _options.Log.RetentionLimitMs) is not { } limit
                || Environment.TickCount64 - log.RetainedAtMs < Math.Max(limit / 10, RetentionIntervalMs))
                continue;
            try
            {
                log.RetainIfClosed();
            }
            catch (LogException)
            {
                // Whoever uses the log next is told.
            }
        }
    }
}
