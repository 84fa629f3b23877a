using System.Collections.Concurrent;
using System.Diagnostics;

namespace LogKit.Conformance.Running;

/// <summary>The calls that have not returned a task yet. A log that blocks its caller would otherwise block the rule for ever.</summary>
internal sealed class SynchronousCalls
{
    private readonly ConcurrentDictionary<Operation, long> _entered = new(ReferenceEqualityComparer.Instance);

    public ValueTask<T> Watch<T>(Operation operation, Func<ValueTask<T>> call)
    {
        _entered[operation] = Stopwatch.GetTimestamp();
        try
        {
            return call();
        }
        finally
        {
            _entered.TryRemove(operation, out _);
        }
    }

    /// <summary>Completes with a call that does not return, if there is one, or with null when it is canceled.</summary>
    public async Task<Operation?> BlockedAsync(TimeSpan limit, CancellationToken end)
    {
        using var timer = new PeriodicTimer(limit / 4);
        try
        {
            while (await timer.WaitForNextTickAsync(end))
            {
                foreach (var (operation, entered) in _entered)
                {
                    if (Stopwatch.GetElapsedTime(entered) > limit)
                        return operation;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The rule has ended.
        }

        return null;
    }
}
