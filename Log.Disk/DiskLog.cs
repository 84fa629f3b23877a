using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;
using LogKit.Disk.Writing;

namespace LogKit.Disk;

/// <summary>
/// A durable log in one directory of one machine. An append is acknowledged once it is flushed to the device
/// (<see cref="FlushMode.Always"/>), and readable from then on, not before.
/// </summary>
/// <remarks>
/// <para>Writing: concurrent appends form groups (<see cref="GroupCommit"/>), each of them one write and one flush
/// (<see cref="LogWriter"/>), which publishes an immutable <see cref="LogView"/>.</para>
/// <para>Reading: takes the latest view, and no lock. A read blocks its thread during device I/O; data in the page cache needs none.</para>
/// <para>A write, a flush, or a change of the directory that fails leaves open what is on the device, so the log then takes no
/// more appends (<see cref="LogReadOnlyException"/>) until it is opened again, which finds out. Reads go on. The same happens if the
/// log's files are deleted, moved or replaced while it is open. A full disk is not such a failure: it is noticed before anything is
/// written. Neither is a segment that can't be made, for example because the process has no file descriptor left.</para>
/// <para>The byte format is described in FORMAT.md.</para>
/// </remarks>
public sealed class DiskLog : ITruncatableLog, IObservableLog
{
    /// <summary>The longest interval between two retention checks.</summary>
    private const long RetentionIntervalMs = 60_000;

    /// <summary>The interval between two looks at what happened to the files behind the log's back.</summary>
    private const long WatchIntervalMs = 1_000;

    private readonly DiskLogOptions _options;
    private readonly LogEvents _events;
    private readonly OffsetSignal _appended;
    private readonly LogWriter _writer;
    private readonly GroupCommit _appends;
    private readonly BlockCache _blocks = new();
    private readonly Lock _disposing = new();
    private readonly CancellationTokenSource _stopRepeating = new();
    private volatile bool _isDisposed;
    private Task? _disposal;

    private DiskLog(IStorage storage, DiskLogOptions options, LogRecovery.Result recovered, LogEvents events)
    {
        _events = events;
        _options = options;
        Directory = storage.Location;
        Recovery = recovered.Report;
        _appended = new OffsetSignal(recovered.Range.NextOffset, this);
        _writer = new LogWriter(storage, options, recovered, _appended, events);
        _writer.Retain();
        _appends = new GroupCommit(_writer, this);
        _ = RepeatAsync(_writer.Watch, WatchIntervalMs, _stopRepeating.Token);
        if (options.FlushMode == FlushMode.Interval)
            _ = RepeatAsync(_writer.FlushWritten, options.FlushIntervalMs, _stopRepeating.Token);
        if (options.RetentionLimitMs is { } limit)
            _ = RepeatAsync(_writer.Retain, Math.Clamp(limit / 10, 100, RetentionIntervalMs), _stopRepeating.Token);
        DiskMetrics.Opened(Directory);
    }

    /// <summary>The directory, as a full path.</summary>
    public string Directory { get; }

    /// <summary>What was found when the log was opened.</summary>
    public RecoveryReport Recovery { get; }

    /// <summary>Opens the log in a directory, or makes a new one there. Reads the last segment; see <see cref="Recovery"/>.</summary>
    /// <param name="directory">Made where it is not there. Files of other names in it are left alone.</param>
    /// <param name="options">How to run it.</param>
    /// <exception cref="LogInUseException">Another open log has the directory.</exception>
    /// <exception cref="LogDamagedException">What was once flushed is damaged or missing. Nothing has been changed.</exception>
    /// <exception cref="IOException">The directory cannot be made or used.</exception>
    /// <exception cref="UnauthorizedAccessException">This process may not use the directory.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its bounds.</exception>
    public static DiskLog Open(string directory, DiskLogOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options ??= new DiskLogOptions();
        options.Validate();
        return Open(new FileStorage(directory), options);
    }

    internal static DiskLog Open(IStorage storage, DiskLogOptions options, ulong initialOffset = 0)
    {
        try
        {
            var lockFile = storage.Lock(LockFile.Name, canCreate: true)!;
            return new DiskLog(storage, options, new LogRecovery(storage, lockFile, options, initialOffset).Run(), new LogEvents());
        }
        catch
        {
            storage.Dispose();
            throw;
        }
    }

    /// <summary>True: the order of the calls is the order of the log.</summary>
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
    /// Moves the start of the log forward, durably, and gives back the space of the segments that lie before it as a whole.
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

    /// <summary>Commits what was appended before, ends pending waits, seals the log and lets go of the directory.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_disposing)
        {
            _isDisposed = true;
            return new ValueTask(_disposal ??= CloseAsync());
        }
    }

    /// <summary>Reads from the block that holds an offset; what goes wrong is told as a log tells it.</summary>
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
            // What was appended was no batch any more: its bytes changed after it was made.
            return ValueTask.FromException<T>(new RecordCorruptException(offset, exception));
        }
        catch (ObjectDisposedException)
        {
            // The segment's file was closed meanwhile: with the log, or because it was truncated away.
            return ValueTask.FromException<T>(
                _isDisposed ? LogCalls.Disposed(this) : new OffsetOutOfRangeException(offset, _writer.View.Range));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ValueTask.FromException<T>(new LogUnavailableException(exception));
        }
    }

    private async Task CloseAsync()
    {
        _appended.Dispose();
        DiskMetrics.Closed(Directory);
        await _stopRepeating.CancelAsync().ConfigureAwait(false);
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
            // The log is being closed.
        }
    }

    private Exception? Refuse(CancellationToken cancellationToken) => LogCalls.Refuse(this, _isDisposed, cancellationToken);
}
