using System.Diagnostics;
using System.Threading.Channels;
using LogKit.Postgres.Storage;
using Npgsql;

namespace LogKit.Postgres.Appends;

/// <summary>
/// Turns concurrent appends into groups: what was queued while one group was being committed is the next. One group is under way
/// at a time, for the row lock would let no other be; so the order of the calls is the order of the log.
/// </summary>
internal sealed class GroupWriter
{
    private const int GroupLimit = 4096;
    private const long GroupLimitBytes = 16 * 1024 * 1024;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);

    /// <summary>How much longer an answer is waited for than the server waits for the log's row: then it has said so.</summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(1);

    private readonly Channel<PendingAppend> _queue = Channel.CreateUnbounded<PendingAppend>(); // one that counts what it holds
    private readonly LogTable _table;
    private readonly LostAnswer _lostAnswer;
    private readonly TimeSpan _unavailableAfter;
    private readonly Action<ulong> _appended;
    private readonly Task _writing;
    private WriterConnection? _connection;
    private ulong _knownNext;

    /// <param name="table">The log.</param>
    /// <param name="options">How to run it.</param>
    /// <param name="nextOffset">Its end, as it is opened.</param>
    /// <param name="appended">Is told the end of the log after each group.</param>
    public GroupWriter(LogTable table, PostgresLogOptions options, ulong nextOffset, Action<ulong> appended)
    {
        _table = table;
        _lostAnswer = new LostAnswer(table, options.UnavailableAfter, options.OutcomeUnknownAfter);
        _unavailableAfter = options.UnavailableAfter;
        _knownNext = nextOffset;
        _appended = appended;
        _writing = Task.Run(WriteAsync);
    }

    /// <summary>Queues an append and completes once its group is committed.</summary>
    public Task<ulong> AppendAsync(RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken)
    {
        var append = new PendingAppend(batch, expectedOffset);
        append.CancelBy(cancellationToken);
        if (!_queue.Writer.TryWrite(append) && append.TryTake())
            append.SetException(new ObjectDisposedException(typeof(PostgresLog).FullName));
        return append.Task;
    }

    /// <summary>Takes no more, and completes when what was queued is answered.</summary>
    public Task DrainAsync()
    {
        _queue.Writer.TryComplete();
        return _writing;
    }

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
            await CommitAsync(group).ConfigureAwait(false);
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
        for (var started = Stopwatch.GetTimestamp(); count > 1 && _queue.Reader.Count < count && Stopwatch.GetElapsedTime(started) < limit;)
            await Task.Yield();
    }

    private async Task CommitAsync(AppendGroup group)
    {
        ulong[] offsets;
        try
        {
            offsets = await StoreAsync(group).ConfigureAwait(false);
        }
        catch (LogException exception)
        {
            group.Fail(exception);
            return;
        }
        catch (Exception exception)
        {
            group.Fail(new AppendOutcomeUnknownException(exception)); // nothing foresees it, and the next group is not to wait for ever
            return;
        }

        _knownNext = group.EndOf(offsets);
        _appended(_knownNext);
        group.Answer(offsets);
    }

    /// <summary>Stores a group once, however often it takes to send it.</summary>
    private async Task<ulong[]> StoreAsync(AppendGroup group)
    {
        using var limit = new CancellationTokenSource(_unavailableAfter);
        while (true)
        {
            Exception failure;
            var isSent = false;
            try
            {
                _connection ??= await WriterConnection.OpenAsync(_table, limit.Token).ConfigureAwait(false);
                isSent = true;
                return await _connection.AppendAsync(group, _unavailableAfter + AnswerTime).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                failure = exception; // whatever it is, those who wait get an answer
            }

            var session = _connection?.Session;
            await DropConnectionAsync().ConfigureAwait(false);
            _table.Database.Forget(failure);
            if (isSent && !IsRefusal(failure)
                && await _lostAnswer.FindAsync(group, session!, _knownNext, failure).ConfigureAwait(false) is { } first)
            {
                return group.OffsetsFrom(first);
            }

            if (limit.IsCancellationRequested || !Database.MayPass(failure))
                throw Database.Translate(failure);
            await Task.Delay(RetryDelay, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>Whether the server said that it has undone all of it. What ends its process may strike after the commit, and says nothing.</summary>
    private static bool IsRefusal(Exception failure) => failure is PostgresException { InvariantSeverity: "ERROR" };

    private async Task DropConnectionAsync()
    {
        if (_connection is { } connection)
            await connection.DisposeAsync().ConfigureAwait(false);
        _connection = null;
    }
}
