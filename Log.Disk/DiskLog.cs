using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;
using LogKit.Disk.Writing;

namespace LogKit.Disk;

/// <summary>
/// A durable log in a directory. An append is acknowledged, and becomes readable, once it is flushed to the device
/// (with <see cref="FlushMode.Always"/>, the default).
/// </summary>
/// <remarks>
/// <para>Writing: concurrent appends form groups (<see cref="GroupCommit"/>). Each group is one write and one flush
/// (<see cref="LogWriter"/>), after which an immutable <see cref="LogView"/> is published.</para>
/// <para>Reading: uses the latest view and takes no lock. A read blocks its thread during device I/O; data in the page cache needs
/// none.</para>
/// <para>If a write, a flush, or a change to the directory fails, the contents of the device are unknown. The log then refuses appends
/// (<see cref="LogReadOnlyException"/>) until it is reopened, which determines them. Reads continue. The same happens if files of the
/// log are deleted, moved, or replaced while it is open. A full disk is not such a failure, because the log detects it before it writes.
/// Neither is a segment that cannot be created, for example because the process is out of file descriptors.</para>
/// <para>FORMAT.md specifies the file format.</para>
/// </remarks>
public sealed class DiskLog : ITruncatableLog, IObservableLog
{
    /// <summary>The longest interval between two retention checks.</summary>
    private const long RetentionIntervalMs = 60_000;

    /// <summary>The interval between two checks that the files are still in place.</summary>
    private const long WatchIntervalMs = 1_000;

    private readonly DiskLogOptions _options;
    private readonly LogEvents _events;
    private readonly OffsetSignal _appended;
    private readonly LogWriter _writer;
    private readonly GroupCommit _appends;
    private readonly bool _ownsAppended;
    private readonly BlockCache _blocks;
    private readonly Lock _disposing = new();
    private readonly CancellationTokenSource _stopRepeating = new();
    private CancellationTokenSource? _stopRetaining; // under _disposing
    private volatile bool _isDisposed;
    private Task? _disposal;

    private DiskLog(
        IStorage storage, DiskLogOptions options, LogRecovery.Result recovered, LogEvents events, OffsetSignal? appended)
    {
        _events = events;
        _options = options;
        _blocks = new BlockCache(options.CachedBlocks);
        Directory = storage.Location;
        Recovery = recovered.Report;
        Id = recovered.LogId;
        _ownsAppended = appended is null;
        _appended = appended ?? new OffsetSignal(recovered.Range.NextOffset, this);
        _appended.Advance(recovered.Range.NextOffset);
        _writer = new LogWriter(storage, options, recovered, _appended, events);
        _writer.Retain();
        _appends = new GroupCommit(_writer, this);
        _ = RepeatAsync(_writer.Watch, WatchIntervalMs, _stopRepeating.Token);
        if (options.FlushMode == FlushMode.Interval)
            _ = RepeatAsync(_writer.FlushWritten, options.FlushIntervalMs, _stopRepeating.Token);
        RetainRepeatedly(options);
        DiskMetrics.Opened(Directory);
    }

    /// <summary>The full path of the directory.</summary>
    public string Directory { get; }

    /// <summary>What recovery found when the log was opened.</summary>
    public RecoveryReport Recovery { get; }

    /// <summary>Opens the log in a directory, or creates a log there. Reads the last segment; see <see cref="Recovery"/>.</summary>
    /// <param name="directory">The directory. Created if it does not exist. Files with other names in it are not touched.</param>
    /// <param name="options">The options; the defaults if null.</param>
    /// <exception cref="LogInUseException">The directory is in use by another open log.</exception>
    /// <exception cref="LogDamagedException">Data that had been flushed is damaged or missing. Nothing has been changed.</exception>
    /// <exception cref="IOException">The directory cannot be created or used.</exception>
    /// <exception cref="UnauthorizedAccessException">This process lacks permission for the directory.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public static DiskLog Open(string directory, DiskLogOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options ??= new DiskLogOptions();
        options.Validate();
        return Open(new FileStorage(directory), options);
    }

    /// <param name="storage">The directory, which the log now owns.</param>
    /// <param name="options">The options.</param>
    /// <param name="initialOffset">The start of a new log.</param>
    /// <param name="newId">The identity of a new log; null for a random one.</param>
    /// <param name="appended">Waits that outlive the log; null for its own.</param>
    internal static DiskLog Open(
        IStorage storage, DiskLogOptions options, ulong initialOffset = 0, Guid? newId = null, OffsetSignal? appended = null)
    {
        try
        {
            var lockFile = storage.Lock(LockFile.Name, canCreate: true)!;
            var recovered = new LogRecovery(storage, lockFile, options, initialOffset, newId).Run();
            return new DiskLog(storage, options, recovered, new LogEvents(), appended);
        }
        catch
        {
            storage.Dispose();
            throw;
        }
    }

    /// <summary>The identity of the log, which its files contain.</summary>
    internal Guid Id { get; }

    /// <summary>True: appends get offsets in the order of the calls.</summary>
    public bool AppendsInCallOrder => true;

    /// <inheritdoc/>
    public ValueTask<ulong> AppendBatchAsync(RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if ((Refuse(cancellationToken) ?? LogCalls.Refuse(batch, _options.BatchLimitBytes)) is { } refusal)
            return ValueTask.FromException<ulong>(refusal);
        return _appends.AppendAsync(batch, expectedOffset, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Read(offset, 0, static (block, offset, _, _) => block.Read(offset), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limitBytes);
        return Read<IReadOnlyList<RecordBatch>>(
            offset,
            limitBytes,
            static (block, offset, endOffset, limitBytes) => block.Read(offset, endOffset, limitBytes),
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        Refuse(cancellationToken) is { } refusal ? ValueTask.FromException<LogRange>(refusal) : ValueTask.FromResult(_writer.View.Range);

    /// <inheritdoc/>
    public ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Refuse(cancellationToken) is { } refusal ? ValueTask.FromException(refusal) : _appended.WaitAsync(offset, cancellationToken);

    /// <summary>
    /// Moves the start of the log forward, durably, and deletes the segments that lie entirely before it.
    /// </summary>
    /// <inheritdoc/>
    public ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        if (Refuse(cancellationToken) is { } refusal)
            return ValueTask.FromException(refusal);
        try
        {
            _writer.TruncateBefore(offset);
            return ValueTask.CompletedTask;
        }
        catch (Exception exception) when (exception is LogException or ObjectDisposedException)
        {
            return ValueTask.FromException(exception);
        }
    }

    /// <inheritdoc/>
    public IDisposable Observe(Action<LogEvent> observer) => _events.Observe(observer);

    /// <summary>Commits pending appends, ends pending waits, seals the log, and unlocks the directory.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_disposing)
        {
            _isDisposed = true;
            return new ValueTask(_disposal ??= CloseAsync());
        }
    }

    /// <summary>Reads from the block that contains an offset, and translates failures into exceptions of the contract.</summary>
    private ValueTask<T> Read<T>(
        ulong offset, int limitBytes, Func<ReadBlock, ulong, ulong, int, T> read, CancellationToken cancellationToken)
    {
        if (Refuse(cancellationToken) is { } refusal)
            return ValueTask.FromException<T>(refusal);
        var view = _writer.View;
        if (!view.Range.Contains(offset))
            return ValueTask.FromException<T>(new OffsetOutOfRangeException(offset, view.Range));
        try
        {
            return ValueTask.FromResult(read(_blocks.BlockOf(view, offset), offset, view.Range.NextOffset, limitBytes));
        }
        catch (LogException exception)
        {
            return ValueTask.FromException<T>(exception);
        }
        catch (FormatException exception)
        {
            // The bytes of the batch were changed by the caller before it was written.
            return ValueTask.FromException<T>(new RecordCorruptException(offset, exception));
        }
        catch (ObjectDisposedException)
        {
            // The segment's file was closed meanwhile, because the log was disposed or the segment was truncated.
            return ValueTask.FromException<T>(
                _isDisposed ? LogCalls.Disposed(this) : new OffsetOutOfRangeException(offset, _writer.View.Range));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ValueTask.FromException<T>(new LogUnavailableException(exception));
        }
    }

    /// <summary>Applies other limits on retention, and another limit on segments.</summary>
    internal void ChangeRetention(DiskLogOptions options)
    {
        lock (_disposing)
        {
            if (_isDisposed)
                return;
            _writer.Change(options);
            RetainRepeatedly(options);
        }

        _writer.Retain();
    }

    private void RetainRepeatedly(DiskLogOptions options)
    {
        _stopRetaining?.Cancel();
        _stopRetaining?.Dispose();
        _stopRetaining = null;
        if (options.RetentionLimitMs is not { } limit)
            return;
        _stopRetaining = CancellationTokenSource.CreateLinkedTokenSource(_stopRepeating.Token);
        _ = RepeatAsync(_writer.Retain, Math.Clamp(limit / 10, 100, RetentionIntervalMs), _stopRetaining.Token);
    }

    private async Task CloseAsync()
    {
        if (_ownsAppended)
            _appended.Dispose();
        DiskMetrics.Closed(Directory);
        _stopRepeating.Cancel(); // runs nothing but the ends of the loops below, and so needs no other thread
        await _appends.DrainAsync().ConfigureAwait(false);
        _writer.Close();
        _stopRepeating.Dispose();
    }

    private async Task RepeatAsync(Action action, long intervalMs, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(intervalMs), _options.Clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false))
                action();
        }
        catch (OperationCanceledException)
        {
            // The log is closing.
        }
    }

    private Exception? Refuse(CancellationToken cancellationToken) => LogCalls.Refuse(this, _isDisposed, cancellationToken);
}
