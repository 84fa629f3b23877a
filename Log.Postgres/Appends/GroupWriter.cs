using System.Diagnostics;
using System.Threading.Channels;
using LogKit.Postgres.Storage;
using Npgsql;

namespace LogKit.Postgres.Appends;

/// <summary>
/// Turns concurrent appends into groups: what was queued while one group was being committed is the next. One group is under way
/// at a time, for the row lock would let no other be; so the order of the calls is the order of the log.
/// </summary>
internal sealed class GroupWriter : IDisposable
{
    private const int GroupLimit = 4096;
    private const long GroupLimitBytes = 16 * 1024 * 1024;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest that callers are waited for who were answered together.</summary>
    private static readonly TimeSpan GatherLimit = TimeSpan.FromMilliseconds(5);

    /// <summary>How much longer an answer is waited for than the server waits for the log's row: then it has said so.</summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(1);

    private readonly Channel<QueuedAppend> _queue = Channel.CreateUnbounded<QueuedAppend>(); // one that counts what it holds
    private readonly LogTable _table;
    private readonly LostAnswer _lostAnswer;
    private readonly TimeSpan _unavailableAfter;
    private readonly EndWatcher _watcher;
    private readonly CancellationTokenSource _giveUp = new();
    private readonly Task _writing;
    private WriterConnection? _connection; // of the writing task alone

    /// <param name="table">The log.</param>
    /// <param name="options">How to run it.</param>
    /// <param name="watcher">Knows an end of the log, and is told the new one after each group.</param>
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
    /// Takes no more, and completes when what was queued is answered. Once it is given up, that is at once: whatever was sent has an
    /// unknown outcome, and nothing more is sent.
    /// </summary>
    public async Task DrainAsync(CancellationToken giveUp)
    {
        _queue.Writer.TryComplete();
        await using (giveUp.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _giveUp).ConfigureAwait(false))
            await _writing.ConfigureAwait(false);
    }

    /// <summary>Not before it is drained.</summary>
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
    /// Lets those who were answered together append again before the next group is sent, which they would miss: for as long as that
    /// takes, and no longer than a part of what the commit took.
    /// </summary>
    private async Task GatherAsync(int count, TimeSpan limit)
    {
        if (limit > GatherLimit)
            limit = GatherLimit;
        for (var started = Stopwatch.GetTimestamp();
            count > 1 && _queue.Reader.Count < count && !_queue.Reader.Completion.IsCompleted && Stopwatch.GetElapsedTime(started) < limit;)
            await Task.Yield();
    }

    /// <summary>Stores a group and answers it; false if it failed.</summary>
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
            group.Fail(new AppendOutcomeUnknownException(exception)); // nothing foresees it, and the next group is not to wait for ever
            return false;
        }

        _table.Database.State.Appended();
        _watcher.Appended(group.EndOf(offsets));
        group.Answer(offsets);
        return true;
    }

    /// <summary>Stores a group once, however often it takes to send it.</summary>
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
                throw _table.Database.Failed(exception); // there was nothing to append to
            }
            catch (Exception exception)
            {
                failure = exception; // whatever it is, those who wait get an answer
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
    /// Whether the server said that it has undone all of it. What ends its process may strike after the commit, and says nothing.
    /// </summary>
    private static bool IsRefusal(Exception failure) => failure is PostgresException { InvariantSeverity: "ERROR" };

    private async Task DropConnectionAsync()
    {
        if (_connection is { } connection)
            await connection.DisposeAsync().ConfigureAwait(false);
        _connection = null;
    }
}
