using System.Diagnostics;
using System.Threading.Channels;
using LogKit.Postgres.Storage;
using Npgsql;

namespace LogKit.Postgres.Appends;

/// <summary>
/// Turns concurrent appends into groups: what is queued while one group is committed forms the next. Only one group is in progress at a
/// time, because the row lock would block another; so appends are stored in the order of the calls.
/// </summary>
internal sealed class GroupWriter : IDisposable
{
    private const int GroupLimit = 4096;
    private const long GroupLimitBytes = 16 * 1024 * 1024;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest time to wait for callers that were answered together.</summary>
    private static readonly TimeSpan GatherLimit = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// How much longer than the server's own limit to wait for an answer. By then, the server has reported that it gave up.
    /// </summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(1);

    private readonly Channel<QueuedAppend> _queue = Channel.CreateUnbounded<QueuedAppend>(); // unbounded, but reports its count
    private readonly LogTable _table;
    private readonly LostAnswer _lostAnswer;
    private readonly TimeSpan _unavailableAfter;
    private readonly EndWatcher _watcher;
    private readonly CancellationTokenSource _giveUp = new();
    private readonly Task _writing;
    private WriterConnection? _connection; // used by the writing task only

    /// <param name="table">The log.</param>
    /// <param name="options">How to run it.</param>
    /// <param name="watcher">Knows the end of the log, and receives the new one after each group.</param>
    public GroupWriter(LogTable table, PostgresLogOptions options, EndWatcher watcher)
    {
        _table = table;
        _lostAnswer = new LostAnswer(table, options.UnavailableAfter, options.OutcomeUnknownAfter);
        _unavailableAfter = options.UnavailableAfter;
        _watcher = watcher;
        _writing = Task.Run(WriteAsync);
    }

    /// <summary>Queues an append and completes once its group is committed.</summary>
    public Task<ulong> AppendAsync(RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken)
    {
        var append = new QueuedAppend(batch, expectedOffset);
        append.CancelBy(cancellationToken);
        if (!_queue.Writer.TryWrite(append) && append.TryTake())
            append.SetException(new ObjectDisposedException(typeof(PostgresLog).FullName));
        return append.Task;
    }

    /// <summary>
    /// Refuses further appends, and completes when queued ones are answered. If given up, it completes immediately: the outcome of what was
    /// sent is unknown, and nothing more is sent.
    /// </summary>
    public async Task DrainAsync(CancellationToken giveUp)
    {
        _queue.Writer.TryComplete();
        await using (giveUp.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _giveUp).ConfigureAwait(false))
            await _writing.ConfigureAwait(false);
    }

    /// <summary>Call this only after draining.</summary>
    public void Dispose() => _giveUp.Dispose();

    private async Task WriteAsync()
    {
        while (await _queue.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            var group = new AppendGroup();
            while (group.Appends.Count < GroupLimit && group.SizeBytes < GroupLimitBytes && _queue.Reader.TryRead(out var append))
            {
                if (append.TryTake())
                    group.Add(append);
            }

            if (group.Appends.Count == 0)
                continue;
            var started = Stopwatch.GetTimestamp();
            if (await CommitAsync(group).ConfigureAwait(false))
                await GatherAsync(group.Appends.Count, Stopwatch.GetElapsedTime(started) / 4).ConfigureAwait(false);
        }

        await DropConnectionAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Gives callers that were answered together time to append again, so that they do not miss the next group: as long as that takes, but
    /// at most a part of the time of the commit.
    /// </summary>
    private async Task GatherAsync(int count, TimeSpan limit)
    {
        if (limit > GatherLimit)
            limit = GatherLimit;
        for (var started = Stopwatch.GetTimestamp();
            count > 1 && _queue.Reader.Count < count && !_queue.Reader.Completion.IsCompleted && Stopwatch.GetElapsedTime(started) < limit;)
            await Task.Yield();
    }

    /// <summary>Stores a group and answers it. Returns false if it failed.</summary>
    private async Task<bool> CommitAsync(AppendGroup group)
    {
        ulong[] offsets;
        try
        {
            offsets = await StoreAsync(group).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is LogException or ObjectDisposedException)
        {
            group.Fail(exception);
            return false;
        }
        catch (Exception exception)
        {
            group.Fail(new AppendOutcomeUnknownException(exception)); // an unexpected failure must not block later groups
            return false;
        }

        _table.Database.State.Appended();
        _watcher.Appended(group.EndOf(offsets));
        group.Answer(offsets);
        return true;
    }

    /// <summary>Stores a group exactly once, even if it must be sent several times.</summary>
    private async Task<ulong[]> StoreAsync(AppendGroup group)
    {
        var known = _watcher.NextOffset;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_giveUp.Token);
        limit.CancelAfter(_unavailableAfter);
        while (true)
        {
            ObjectDisposedException.ThrowIf(_giveUp.IsCancellationRequested, typeof(PostgresLog));
            Exception failure;
            var isSent = false;
            try
            {
                _connection ??= await WriterConnection.OpenAsync(_table, limit.Token).ConfigureAwait(false);
                isSent = true;
                return await _connection.AppendAsync(group, _unavailableAfter + AnswerTime, _giveUp.Token).ConfigureAwait(false);
            }
            catch (LogUnavailableException exception)
            {
                throw _table.Database.Failed(exception); // there is no log to append to
            }
            catch (Exception exception)
            {
                failure = exception; // whatever it is, the callers get an answer
            }

            var session = _connection?.Session;
            await DropConnectionAsync().ConfigureAwait(false);
            _table.Database.Forget(failure);
            if (isSent && !IsRefusal(failure)
                && await _lostAnswer.FindAsync(group, session!, known, failure, _giveUp.Token).ConfigureAwait(false) is { } first)
            {
                return group.OffsetsFrom(first);
            }

            ObjectDisposedException.ThrowIf(_giveUp.IsCancellationRequested, typeof(PostgresLog));
            if (limit.IsCancellationRequested || !Failures.MayPass(failure))
                throw _table.Database.Failed(failure);
            await Task.Delay(RetryDelay, limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// Whether the server reported that it rolled back. An error that ends its process may occur after the commit, and proves nothing.
    /// </summary>
    private static bool IsRefusal(Exception failure) => failure is PostgresException { InvariantSeverity: "ERROR" };

    private async Task DropConnectionAsync()
    {
        if (_connection is { } connection)
            await connection.DisposeAsync().ConfigureAwait(false);
        _connection = null;
    }
}
