namespace LogKit.Postgres.Storage;

/// <summary>What nobody waits for any more, and what must still be closed when it comes.</summary>
internal static class DisposableTasks
{
    /// <summary>Waits for what is being opened. If the wait ends first, disposes it once it is open.</summary>
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
