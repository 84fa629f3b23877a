using LogKit.Postgres.Storage;
using Npgsql;

namespace LogKit.Postgres;

/// <summary>
/// Knows when the log grows. Who appends says so by a notification, after the commit and apart from it, because a notification in a
/// transaction would make commits of all logs of the server wait for one another. Notifications are heard on a connection of their
/// own; should one be lost, the end is asked for from time to time while somebody waits.
/// </summary>
internal sealed class EndWatcher : IDisposable
{
    private static readonly TimeSpan ReconnectDelay = TimeSpan.FromMilliseconds(200);

    /// <summary>How long nothing is heard before it is seen whether the server is still there.</summary>
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(5);

    /// <summary>Notifications are no nearer to one another: each takes the database half the time of an append.</summary>
    private static readonly TimeSpan TellInterval = TimeSpan.FromMilliseconds(1);

    private readonly LogTable _table;
    private readonly OffsetSignal _appended;
    private readonly TimeSpan _pollInterval;
    private readonly SemaphoreSlim _ask = new(0, 1);
    private readonly SemaphoreSlim _tell = new(0, 1);
    private ulong _end;

    public EndWatcher(LogTable table, OffsetSignal appended, int pollIntervalMs)
    {
        _table = table;
        _appended = appended;
        _pollInterval = TimeSpan.FromMilliseconds(pollIntervalMs);
    }

    /// <summary>Runs until the log is disposed.</summary>
    public Task RunAsync() => Task.WhenAll(
        Task.Run(() => RepeatAsync(stopping => _table.Database.UseAsync(ListenAsync, stopping))),
        Task.Run(() => RepeatAsync(AskAsync)),
        Task.Run(() => RepeatAsync(TellAsync)));

    /// <summary>This log has appended: wakes those who wait here, and elsewhere.</summary>
    public void Appended(ulong nextOffset)
    {
        _appended.Advance(nextOffset);
        Volatile.Write(ref _end, nextOffset);
        Signal(_tell);
    }

    /// <summary>Asks the database for the end, for somebody who has begun to wait: another server may have moved it.</summary>
    public void Ask() => Signal(_ask);

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

    private async Task RepeatAsync(Func<CancellationToken, Task> work)
    {
        var stopping = _table.Database.Stopping;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await work(stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (Database.IsOfDatabase(exception) || exception is LogException or ObjectDisposedException or OperationCanceledException)
            {
                await Task.Delay(ReconnectDelay, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<bool> ListenAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        connection.Notification += (_, notification) =>
        {
            if (ulong.TryParse(notification.Payload, out var next))
                _appended.Advance(next);
        };
        using var listen = new NpgsqlCommand($"listen {_table.Channel}", connection);
        await listen.ExecuteNonQueryAsync(stopping).ConfigureAwait(false);
        Ask(); // what was said while nobody listened
        while (true)
        {
            if (!await connection.WaitAsync(SilenceLimit, stopping).ConfigureAwait(false))
                await listen.ExecuteNonQueryAsync(stopping).ConfigureAwait(false);
        }
    }

    private async Task AskAsync(CancellationToken stopping)
    {
        if (!await _ask.WaitAsync(_pollInterval, stopping).ConfigureAwait(false) && _appended.PendingCount == 0)
            return;
        var range = await _table.GetRangeAsync(stopping).ConfigureAwait(false);
        _appended.Advance(range.NextOffset);
    }

    private async Task TellAsync(CancellationToken stopping)
    {
        await _tell.WaitAsync(stopping).ConfigureAwait(false);
        await _table.NotifyAsync(Volatile.Read(ref _end), stopping).ConfigureAwait(false);
        await Task.Delay(TellInterval, stopping).ConfigureAwait(false);
    }
}
