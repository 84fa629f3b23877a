using System.Diagnostics;
using System.Globalization;
using LogKit.Postgres.Storage;
using Npgsql;

namespace LogKit.Postgres;

/// <summary>
/// Tracks the end of the log. Each appending server sends a notification after the commit, separately, because a notification within the
/// transaction would serialize the commits of all logs on the server. Any role can send one, and some get lost, so a notification is only a
/// hint to query the table. While someone waits, the table is also queried periodically.
/// </summary>
/// <remarks>
/// The end moves back if the database loses data, for example when a backup is restored, or in a failover to a standby that lacked
/// something. Any answer that shows an earlier end moves the known end back.
/// </remarks>
internal sealed class EndWatcher : IDisposable
{
    private static readonly TimeSpan ReconnectDelay = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// How long the connection may be silent before we check that the server is still there, and how long that check may take.
    /// </summary>
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(5);

    /// <summary>The minimum interval between notifications, each of which costs the database half as much as an append.</summary>
    private static readonly TimeSpan TellInterval = TimeSpan.FromMilliseconds(1);

    /// <summary>How long closing a log may take to notify other servers of the last append.</summary>
    private static readonly TimeSpan TellLastLimit = TimeSpan.FromSeconds(1);

    private readonly LogTable _table;
    private readonly OffsetSignal _appended;
    private readonly TimeSpan _pollInterval;
    private readonly SemaphoreSlim _ask = new(0, 1);
    private readonly SemaphoreSlim _tell = new(0, 1);
    private ulong _end; // Volatile, set by the writer: the end to notify others of
    private ulong _told; // Volatile, set by the notifying task
    private long? _deafSince = Stopwatch.GetTimestamp(); // used by the listening task only: since when it is not listening
    private long _asked; // Volatile: when the table was last queried, as Environment.TickCount64

    public EndWatcher(LogTable table, OffsetSignal appended, int pollIntervalMs)
    {
        _table = table;
        _appended = appended;
        _pollInterval = TimeSpan.FromMilliseconds(pollIntervalMs);
    }

    /// <summary>The next offset of the log at some point in time.</summary>
    public ulong NextOffset => _appended.NextOffset;

    /// <summary>Runs until the log is disposed.</summary>
    public Task RunAsync() => Task.WhenAll(
        Task.Run(() => RepeatAsync(ListenAsync, Unheard)),
        Task.Run(() => RepeatAsync(AskAsync, Unasked)),
        Task.Run(() => RepeatAsync(TellAsync, _ => { })));

    /// <summary>Records an append of this log, and wakes waiters here and on other servers.</summary>
    public void Appended(ulong nextOffset)
    {
        _appended.Advance(nextOffset);
        Volatile.Write(ref _end, nextOffset);
        Signal(_tell);
    }

    /// <summary>Queries the end for a new waiter, because another server may have moved it.</summary>
    public void Ask() => Signal(_ask);

    /// <summary>Records an end of the log that a query returned.</summary>
    /// <param name="seen">The value of <see cref="NextOffset"/> before the query.</param>
    /// <param name="range">The result of the query.</param>
    public void Saw(ulong seen, LogRange range)
    {
        _appended.Rewind(seen, range.NextOffset);
        _appended.Advance(range.NextOffset);
    }

    /// <summary>
    /// Notifies other servers of the last append, if that has not been done. Tries once, because closing the log waits for it.
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
            // They find out later, by polling.
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
                // Whatever it is, waiters must be woken when it is over.
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
                    // Received.
                }
            }
        }
        finally
        {
            _ = CloseAsync();
        }

        // A connection that waits for an answer cannot be closed before the answer arrives.
        async Task CloseAsync()
        {
            await answer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await listen.DisposeAsync().ConfigureAwait(false);
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Records that the connection is listening. Queries what may have been missed before.</summary>
    private void Heard()
    {
        if (_deafSince is null)
            return;
        _deafSince = null;
        _table.Database.State.Reached();
        Ask();
    }

    /// <summary>
    /// Records that the connection is not listening. After a while, reports it, since a log without callers may notice nothing else.
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

    /// <summary>Fails the waits for the end of a log that does not exist.</summary>
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
