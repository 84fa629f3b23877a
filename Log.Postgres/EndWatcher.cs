using System.Diagnostics;
using System.Globalization;
using LogKit.Postgres.Storage;
using Npgsql;

namespace LogKit.Postgres;

/// <summary>
/// Knows where the log ends. Whoever appends says so by a notification, after the commit and apart from it, because a notification in a
/// transaction would make commits of all logs of the server wait for one another. Any role can send one, and some get lost, so a
/// notification is only a hint to ask the table; and the table is asked from time to time while somebody waits.
/// </summary>
/// <remarks>
/// The end moves back when the database loses what it had: a restored backup, a failover to a standby that lacked something. Whatever
/// shows that the table's end is before the known one moves that back.
/// </remarks>
internal sealed class EndWatcher : IDisposable
{
    private static readonly TimeSpan ReconnectDelay = TimeSpan.FromMilliseconds(200);

    /// <summary>How long nothing is heard before it is seen whether the server is still there, and how long that may take.</summary>
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(5);

    /// <summary>Notifications are at least this far apart: each takes the database half the time of an append.</summary>
    private static readonly TimeSpan TellInterval = TimeSpan.FromMilliseconds(1);

    /// <summary>How long closing a log may take for telling other servers of the last append.</summary>
    private static readonly TimeSpan TellLastLimit = TimeSpan.FromSeconds(1);

    private readonly LogTable _table;
    private readonly OffsetSignal _appended;
    private readonly TimeSpan _pollInterval;
    private readonly SemaphoreSlim _ask = new(0, 1);
    private readonly SemaphoreSlim _tell = new(0, 1);
    private ulong _end; // what to tell: Volatile, by the writer
    private ulong _told; // Volatile, by the task that tells
    private long? _deafSince = Stopwatch.GetTimestamp(); // since when the database does not listen, of the task that listens alone
    private long _asked; // when the table was last asked, in ticks of Environment.TickCount64: Volatile

    public EndWatcher(LogTable table, OffsetSignal appended, int pollIntervalMs)
    {
        _table = table;
        _appended = appended;
        _pollInterval = TimeSpan.FromMilliseconds(pollIntervalMs);
    }

    /// <summary>An end of the log that was in the table at some time.</summary>
    public ulong NextOffset => _appended.NextOffset;

    /// <summary>Runs until the log is disposed.</summary>
    public Task RunAsync() => Task.WhenAll(
        Task.Run(() => RepeatAsync(ListenAsync, Unheard)),
        Task.Run(() => RepeatAsync(AskAsync, Unasked)),
        Task.Run(() => RepeatAsync(TellAsync, _ => { })));

    /// <summary>This log has appended: wakes those who wait here, and elsewhere.</summary>
    public void Appended(ulong nextOffset)
    {
        _appended.Advance(nextOffset);
        Volatile.Write(ref _end, nextOffset);
        Signal(_tell);
    }

    /// <summary>Asks the database for the end, for somebody who has begun to wait: another server may have moved it.</summary>
    public void Ask() => Signal(_ask);

    /// <summary>The table has shown an end of the log.</summary>
    /// <param name="seen">What <see cref="NextOffset"/> was before the table was asked.</param>
    /// <param name="range">What it answered.</param>
    public void Saw(ulong seen, LogRange range)
    {
        _appended.Rewind(seen, range.NextOffset);
        _appended.Advance(range.NextOffset);
    }

    /// <summary>
    /// Tells other servers of the last append, if it has not been told: once, since a log that is being closed waits for it.
    /// </summary>
    public async Task TellLastAsync(CancellationToken cancellationToken)
    {
        var end = Volatile.Read(ref _end);
        if (end == Volatile.Read(ref _told))
            return;
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(TellLastLimit);
            await _table.Database.UseAsync(connection => _table.NotifyAsync(connection, end), limit.Token).ConfigureAwait(false);
        }
        catch (Exception exception)
            when (Failures.IsOfDatabase(exception) || exception is OperationCanceledException or ObjectDisposedException)
        {
            // They ask by themselves, if later.
        }
    }

    public void Dispose()
    {
        _ask.Dispose();
        _tell.Dispose();
    }

    private static void Signal(SemaphoreSlim semaphore)
    {
        lock (semaphore)
        {
            if (semaphore.CurrentCount == 0)
                semaphore.Release();
        }
    }

    private async Task RepeatAsync(Func<CancellationToken, Task> work, Action<Exception> failed)
    {
        var stopping = _table.Database.Stopping;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await work(stopping).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // Whatever it is: those who wait are to be woken when it is over.
                if (!stopping.IsCancellationRequested)
                    failed(exception);
                await Task.Delay(ReconnectDelay, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task ListenAsync(CancellationToken stopping)
    {
        using var opening = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        opening.CancelAfter(SilenceLimit);
        var connection = await _table.Database.ConnectAsync(opening.Token).ConfigureAwait(false);
        connection.Notification += (_, notification) => Hear(notification.Payload);
        var listen = new NpgsqlCommand($"listen {_table.Channel}", connection);
        var answer = Task.CompletedTask;
        try
        {
            while (true)
            {
                answer = listen.ExecuteNonQueryAsync(CancellationToken.None);
                await answer.WaitAsync(SilenceLimit, stopping).ConfigureAwait(false);
                Heard();
                while (await connection.WaitAsync(SilenceLimit, stopping).ConfigureAwait(false))
                {
                    // Heard.
                }
            }
        }
        finally
        {
            _ = CloseAsync();
        }

        // A connection that waits for an answer can't be closed before the answer comes.
        async Task CloseAsync()
        {
            await answer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await listen.DisposeAsync().ConfigureAwait(false);
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The database listens. What was said before, while it did not, is asked for.</summary>
    private void Heard()
    {
        if (_deafSince is null)
            return;
        _deafSince = null;
        _table.Database.State.Reached();
        Ask();
    }

    /// <summary>
    /// The database does not listen. After a while that is worth telling, for it may be all that a log without callers sees.
    /// </summary>
    private void Unheard(Exception exception)
    {
        _deafSince ??= Stopwatch.GetTimestamp();
        if (Stopwatch.GetElapsedTime(_deafSince.Value) > SilenceLimit)
            _table.Database.Failed(exception);
    }

    private void Hear(string payload)
    {
        var isNews = !ulong.TryParse(payload, NumberStyles.None, CultureInfo.InvariantCulture, out var next) || next > _appended.NextOffset;
        if (isNews || Environment.TickCount64 - Volatile.Read(ref _asked) > _pollInterval.TotalMilliseconds)
            Ask();
    }

    /// <summary>Whoever waits for the end of a log that is missing gets to know it.</summary>
    private void Unasked(Exception exception)
    {
        if (Failures.IsOfLog(exception))
            _appended.FailPending(exception);
    }

    private async Task AskAsync(CancellationToken stopping)
    {
        if (!await _ask.WaitAsync(_pollInterval, stopping).ConfigureAwait(false) && _appended.PendingCount == 0)
            return;
        Volatile.Write(ref _asked, Environment.TickCount64);
        var seen = _appended.NextOffset;
        Saw(seen, await _table.GetRangeAsync(stopping).ConfigureAwait(false));
    }

    private async Task TellAsync(CancellationToken stopping)
    {
        await _tell.WaitAsync(stopping).ConfigureAwait(false);
        var end = Volatile.Read(ref _end);
        await _table.Database.RunAsync(connection => _table.NotifyAsync(connection, end), stopping).ConfigureAwait(false);
        Volatile.Write(ref _told, end);
        await Task.Delay(TellInterval, stopping).ConfigureAwait(false);
    }
}
