namespace LogKit.Postgres.Storage;

/// <summary>Disposes the results of tasks that are no longer awaited.</summary>
internal static class DisposableTasks
{
    /// <summary>Awaits an object that is being opened. If the wait is canceled first, disposes the object once it is open.</summary>
    public static async Task<T> OrDisposeAsync<T>(this Task<T> opening, CancellationToken cancellationToken)
        where T : IAsyncDisposable
    {
        try
        {
            return await opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _ = DisposeAsync();
            throw;
        }

        async Task DisposeAsync()
        {
            await ((Task)opening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (opening.IsCompletedSuccessfully)
                await (await opening.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
    }
}
