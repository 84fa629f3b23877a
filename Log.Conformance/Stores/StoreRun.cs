using LogKit.Conformance.Running;

namespace LogKit.Conformance.Stores;

/// <summary>A run of a rule about stores: opens and closes its stores through the harness.</summary>
internal sealed class StoreRun : IAsyncDisposable
{
    // The longest rules make many calls, each of which may be slow.
    private const int CallsOfARule = 8;

    private readonly RuleRun _run;
    private readonly string _runName;
    private readonly Dictionary<string, ILogStore?> _stores = []; // null: not open

    private StoreRun(RuleRun run)
    {
        _run = run;
        _runName = $"{run.Rule.Id.ToLowerInvariant()}-{Guid.NewGuid():N}";
    }

    public Check Check => _run.Check;

    public LogStoreHarness Harness => (LogStoreHarness)_run.Harness;

    /// <summary>Runs a rule, which must end.</summary>
    public static async Task RunAsync(RuleRun run, Func<StoreRun, Task> rule)
    {
        await using var stores = new StoreRun(run);
        var limit = run.Timeout * CallsOfARule;
        var running = rule(stores);
        try
        {
            await running.WaitAsync(limit);
        }
        catch (TimeoutException) when (!running.IsCompleted)
        {
            throw run.Violation($"the rule did not end: a call has been pending for up to {limit.TotalSeconds:0.#} seconds");
        }
    }

    /// <summary>Opens the store of the rule, or another one by name. It is new unless it was opened before.</summary>
    public async Task<ILogStore> OpenAsync(string suffix = "store")
    {
        var name = NameOf(suffix);
        _stores.TryAdd(name, null);
        var store = await Check.EndsAsync(Harness.OpenStoreAsync(name).AsTask(), "opening the store");
        _stores[name] = store;
        return store;
    }

    public async Task<ILogStore> ReopenAsync(string suffix = "store")
    {
        await CloseAsync(NameOf(suffix));
        return await OpenAsync(suffix);
    }

    /// <summary>Crashes the store and opens it again.</summary>
    public async Task<ILogStore> CrashAsync(string suffix = "store")
    {
        var name = NameOf(suffix);
        await Check.EndsAsync(Harness.CrashStoreAsync(name).AsTask(), nameof(Harness.CrashStoreAsync));
        _stores[name] = null;
        return await OpenAsync(suffix);
    }

    public async Task<bool> CrashSoonAsync(int steps, string suffix = "store") =>
        await Check.EndsAsync(Harness.CrashStoreSoonAsync(NameOf(suffix), steps).AsTask(), nameof(Harness.CrashStoreSoonAsync));

    /// <summary>Closes and removes a store that is no longer needed.</summary>
    public async Task RemoveAsync(string suffix)
    {
        var name = NameOf(suffix);
        await CloseAsync(name);
        await Check.EndsAsync(Harness.RemoveStoreAsync(name).AsTask(), nameof(Harness.RemoveStoreAsync));
        _stores.Remove(name);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (name, store) in _stores)
        {
            try
            {
                if (store is not null)
                    await store.DisposeAsync().AsTask().WaitAsync(_run.Timeout);
                await Harness.RemoveStoreAsync(name).AsTask().WaitAsync(_run.Timeout);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                // The failure of the rule is what counts.
            }
        }
    }

    private async Task CloseAsync(string name)
    {
        if (_stores[name] is { } open)
            await Check.EndsAsync(open.DisposeAsync().AsTask(), "disposing the store");
        _stores[name] = null;
    }

    private string NameOf(string suffix) => $"{_runName}-{suffix}";
}
