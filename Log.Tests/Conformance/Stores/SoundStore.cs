using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LogKit.InMemory;

namespace LogKit.Tests.Conformance.Stores;

/// <summary>What a broken store keeps of its storage: it survives sessions, and may crash at a step.</summary>
internal sealed class StoreMedium
{
    private int _stepsLeft = int.MaxValue;

    /// <summary>What has been made durable.</summary>
    public InMemoryLogStore Durable { get; } = new();

    /// <summary>What a flaw wants to remember.</summary>
    public ConcurrentDictionary<string, object> Notes { get; } = [];

    public SoundStore? Session { get; set; }

    public void CrashAfter(int steps) => Volatile.Write(ref _stepsLeft, steps);

    /// <summary>A step of a change, at which the store may crash.</summary>
    public void Step()
    {
        if (Interlocked.Decrement(ref _stepsLeft) < 0)
            throw new LogUnavailableException("the storage is gone");
    }

    public async Task CrashAsync()
    {
        await Session!.EndAsync();
        CrashAfter(int.MaxValue);
    }
}

/// <summary>A correct store that can be reopened and can crash: a session over what is durable. Broken ones override it.</summary>
internal class SoundStore(StoreMedium medium) : ILogStore
{
    private readonly ConcurrentBag<ILog> _handles = [];
    private volatile bool _isDisposed;

    protected StoreMedium Medium => medium;

    protected virtual bool EndsHandles => true;

    public virtual async ValueTask<ILog> OpenAsync(string name, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var handle = await medium.Durable.OpenAsync(name, cancellationToken);
        _handles.Add(handle);
        return handle;
    }

    public virtual async ValueTask<LogInfo> CreateAsync(
        string name, LogSettings? settings = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        medium.Step();
        return await medium.Durable.CreateAsync(name, settings, cancellationToken);
    }

    public virtual async ValueTask<LogInfo> GetAsync(string name, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return await medium.Durable.GetAsync(name, cancellationToken);
    }

    public virtual async ValueTask<LogInfo> UpdateAsync(
        string name, LogSettings settings, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        medium.Step();
        return await medium.Durable.UpdateAsync(name, settings, cancellationToken);
    }

    public virtual async ValueTask DeleteAsync(string name, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        medium.Step();
        await medium.Durable.DeleteAsync(name, cancellationToken);
    }

    public virtual async IAsyncEnumerable<LogInfo> ListAsync(
        string prefix = "", [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        await foreach (var log in medium.Durable.ListAsync(prefix, cancellationToken))
            yield return log;
    }

    public virtual ValueTask DisposeAsync() => EndAsync();

    public async ValueTask EndAsync()
    {
        _isDisposed = true;
        foreach (var handle in _handles.Where(_ => EndsHandles))
            await handle.DisposeAsync();
    }
}
