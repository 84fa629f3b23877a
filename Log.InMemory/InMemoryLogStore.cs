using System.Runtime.CompilerServices;

namespace LogKit.InMemory;

/// <summary>Options for an <see cref="InMemoryLogStore"/>.</summary>
public sealed record InMemoryLogStoreOptions
{
    /// <summary>The limit on the size of a batch, in bytes of its encoding.</summary>
    public int BatchLimitBytes { get; init; } = RecordBatch.DefaultLimitBytes;

    /// <summary>The limit on the number of logs, including the default log.</summary>
    public int LogLimit { get; init; } = 10_000;
}

/// <summary>
/// The smallest correct store. Everything is in memory and is lost with the process. Use it as a fake in tests; it is also the model that
/// other stores are compared with.
/// </summary>
public sealed class InMemoryLogStore : ILogStore
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, Entry> _logs = new(StringComparer.Ordinal); // under _gate
    private readonly InMemoryLogStoreOptions _options;
    private bool _isDisposed; // under _gate

    /// <summary>Creates a store with an empty default log.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public InMemoryLogStore(InMemoryLogStoreOptions? options = null)
    {
        _options = options ?? new InMemoryLogStoreOptions();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_options.LogLimit);
        _logs.Add(LogNames.Default, Create(LogNames.Default, new LogSettings()));
    }

    /// <inheritdoc/>
    public ValueTask<ILog> OpenAsync(string name, CancellationToken cancellationToken = default) =>
        RunAsync(name, () => (ILog)Find(name).OpenHandle(), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<LogInfo> CreateAsync(string name, LogSettings? settings = null, CancellationToken cancellationToken = default)
    {
        settings ??= new LogSettings();
        return RunAsync(
            name,
            () =>
            {
                LogSettings.Validate(settings);
                if (_logs.ContainsKey(name))
                    throw new LogExistsException(name);
                if (_logs.Count >= _options.LogLimit)
                    throw new LogLimitException(_options.LogLimit);
                var log = Create(name, settings);
                _logs.Add(name, log);
                return log.Info;
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<LogInfo> GetAsync(string name, CancellationToken cancellationToken = default) =>
        RunAsync(name, () => Find(name).Info, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<LogInfo> UpdateAsync(string name, LogSettings settings, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return RunAsync(
            name,
            () =>
            {
                var log = Find(name);
                LogSettings.Validate(settings, log.Info.Settings);
                return log.Info = log.Info with { Settings = settings };
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(string name, CancellationToken cancellationToken = default)
    {
        var deleted = await RunAsync(
            name,
            () =>
            {
                if (name == LogNames.Default)
                    throw new DefaultLogException();
                var log = Find(name);
                _logs.Remove(name);
                log.End(); // under the lock, so that nobody finds it and nobody uses it from the same moment on
                return log;
            },
            cancellationToken).ConfigureAwait(false);
        await deleted.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<LogInfo> ListAsync(
        string prefix = "", [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        var logs = await RunAsync(
            LogNames.Default,
            () => _logs.Values.Select(log => log.Info).Where(log => log.Name.StartsWith(prefix, StringComparison.Ordinal)).ToList(),
            cancellationToken).ConfigureAwait(false);
        foreach (var log in logs)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return log;
        }
    }

    /// <summary>Disposes all handles. Batches that were read stay valid; everything else is lost.</summary>
    public async ValueTask DisposeAsync()
    {
        List<Entry> logs;
        lock (_gate)
        {
            _isDisposed = true;
            logs = [.. _logs.Values];
            _logs.Clear();
        }

        foreach (var log in logs)
            await log.DisposeAsync().ConfigureAwait(false);
    }

    private Entry Find(string name) => _logs.TryGetValue(name, out var log) ? log : throw new LogNotFoundException(name);

    private Entry Create(string name, LogSettings settings) => new(
        new LogInfo(name, Guid.NewGuid(), settings),
        new InMemoryLog(new InMemoryLogOptions { BatchLimitBytes = _options.BatchLimitBytes, StartOffset = settings.StartOffset }));

    /// <summary>Runs an operation under the lock.</summary>
    private ValueTask<T> RunAsync<T>(string name, Func<T> operation, CancellationToken cancellationToken)
    {
        if (LogNames.Refuse(name) is { } refusal)
            return ValueTask.FromException<T>(refusal);
        lock (_gate)
        {
            if (_isDisposed)
                return ValueTask.FromException<T>(new ObjectDisposedException(GetType().FullName));
            if (cancellationToken.IsCancellationRequested)
                return ValueTask.FromCanceled<T>(cancellationToken);
            try
            {
                return ValueTask.FromResult(operation());
            }
            catch (Exception exception) when (exception is LogException or ArgumentException)
            {
                return ValueTask.FromException<T>(exception);
            }
        }
    }

    private sealed class Entry(LogInfo info, InMemoryLog log) : StoredLog(info), IAsyncDisposable
    {
        public ValueTask DisposeAsync() => log.DisposeAsync();

        protected override bool AppendsInCallOrder => true;

        protected override ITruncatableLog BeginCall() => log;

        protected override void EndCall()
        {
            // It is always open.
        }

        protected override ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken) =>
            log.WaitForAppendAsync(offset, cancellationToken);
    }
}
