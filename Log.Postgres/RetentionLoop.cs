using LogKit.Postgres.Storage;

namespace LogKit.Postgres;

/// <summary>
/// Truncates the log according to the retention limits, and deletes truncated rows, a limited number at a time. Any number of servers may
/// do so at once.
/// </summary>
internal sealed class RetentionLoop(LogTable table, PostgresLogOptions options) : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _truncated = new(0, 1);

    /// <summary>Signals that there are rows to delete.</summary>
    public void Truncated()
    {
        lock (_truncated)
        {
            if (_truncated.CurrentCount == 0)
                _truncated.Release();
        }
    }

    /// <summary>Runs until the log is disposed.</summary>
    public async Task RunAsync()
    {
        var stopping = table.Database.Stopping;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await ApplyAsync(stopping).ConfigureAwait(false);
                await _truncated.WaitAsync(Interval, stopping).ConfigureAwait(false);
            }
            catch (Exception)
            {
                // Whatever it is, the next round tries again.
                await Task.Delay(TimeSpan.FromSeconds(1), stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>One round: applies the limits, then deletes rows.</summary>
    internal async Task ApplyAsync(CancellationToken stopping)
    {
        if (options.RetentionLimitMs is not null || options.RetentionLimitBytes is not null)
        {
            var kept = await table.FindKeptAsync(options.RetentionLimitMs, options.RetentionLimitBytes, stopping).ConfigureAwait(false);
            await table.TruncateAsync(kept, stopping).ConfigureAwait(false);
        }

        while (await table.DeleteTruncatedAsync(stopping).ConfigureAwait(false))
        {
            // Continue with the next rows.
        }
    }

    public void Dispose() => _truncated.Dispose();
}
