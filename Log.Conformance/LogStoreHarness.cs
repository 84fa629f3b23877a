namespace LogKit.Conformance;

/// <summary>
/// Gives the suite for stores access to an <see cref="ILogStore"/>. It is also a <see cref="LogHarness"/>, so that the logs of the store
/// can pass the suite for logs: each is created in a store of its own.
/// </summary>
/// <remarks>
/// The capabilities are those of <see cref="LogHarness"/>. For the rules of stores, <see cref="LogCapabilities.Reopen"/> means that
/// <see cref="OpenStoreAsync"/> reopens a disposed store with its logs, <see cref="LogCapabilities.Crash"/> that
/// <see cref="CrashStoreAsync"/> works, and <see cref="LogCapabilities.Truncate"/> that handles are <see cref="ITruncatableLog"/>.
/// </remarks>
public abstract class LogStoreHarness : LogHarness
{
    private const string LogName = "the-log";

    /// <summary>Opens a store, or creates it with its default log alone.</summary>
    /// <param name="name">Identifies the store: letters, digits, and hyphens. Concurrent rules use different names.</param>
    public abstract ValueTask<ILogStore> OpenStoreAsync(string name);

    /// <summary>
    /// Ends an open store as the end of its process, or of the machine, would. What it did not make durable is lost. Calls in flight may
    /// fail or never end.
    /// </summary>
    /// <param name="name">The name of an open store, which is opened again afterward.</param>
    public virtual ValueTask CrashStoreAsync(string name) => throw new NotSupportedException(
        $"{GetType().Name} declares {LogCapabilities.Crash}: override {nameof(CrashStoreAsync)}");

    /// <summary>
    /// Makes an open store crash in the middle of a change: at the step with this number, counted from now, of whatever it does to its
    /// storage. It is then as after <see cref="CrashStoreAsync"/>, which is called next.
    /// </summary>
    /// <param name="name">The name of an open store.</param>
    /// <param name="steps">The number of steps that still succeed.</param>
    /// <returns>False if the harness cannot do that, which is the default.</returns>
    public virtual ValueTask<bool> CrashStoreSoonAsync(string name, int steps) => ValueTask.FromResult(false);

    /// <summary>Removes a store that is not open and will not be opened again. Does nothing by default.</summary>
    /// <param name="name">The name of a store that was disposed or has crashed.</param>
    public virtual ValueTask RemoveStoreAsync(string name) => ValueTask.CompletedTask;

    /// <summary>How many logs the rule about many logs creates.</summary>
    public virtual int ManyLogs => 1_000;

    /// <inheritdoc/>
    public override ValueTask<ILog> OpenAsync(string name) => OpenAtAsync(name, startOffset: 0);

    /// <inheritdoc/>
    public override async ValueTask<ILog> OpenAtAsync(string name, ulong startOffset)
    {
        var store = await OpenStoreAsync(name).ConfigureAwait(false);
        try
        {
            await store.CreateAsync(LogName, new LogSettings { StartOffset = startOffset }).ConfigureAwait(false);
        }
        catch (LogExistsException)
        {
            // It is reopened.
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return Stores.LogWithItsStore.Of(await store.OpenAsync(LogName).ConfigureAwait(false), store);
    }

    /// <inheritdoc/>
    public override ValueTask CrashAsync(string name) => CrashStoreAsync(name);

    /// <inheritdoc/>
    public override ValueTask<bool> CrashSoonAsync(string name, int steps) => CrashStoreSoonAsync(name, steps);

    /// <inheritdoc/>
    public override ValueTask RemoveAsync(string name) => RemoveStoreAsync(name);
}
