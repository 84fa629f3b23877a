using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using System.Globalization;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;

namespace LogKit.Benchmarks.Service;

/// <summary>The runtime counters of another .NET process, once per second, as in <c>dotnet-counters</c>.</summary>
internal sealed class RuntimeCounters : IAsyncDisposable
{
    public const string AllocatedBytes = "alloc-rate";
    public const string PoolItems = "threadpool-completed-items-count";
    public const string Contentions = "monitor-lock-contention-count";
    public const string CollectingPercent = "time-in-gc";

    private readonly EventPipeSession _session;
    private readonly Task _reading;
    private readonly ConcurrentDictionary<string, double> _sums = new(StringComparer.Ordinal);

    private RuntimeCounters(EventPipeSession session)
    {
        _session = session;
        _reading = Task.Run(Read);
    }

    public static async Task<RuntimeCounters> StartAsync(int processId) =>
        new(
            await new DiagnosticsClient(processId).StartEventPipeSessionAsync(
                [
                    new EventPipeProvider(
                        "System.Runtime",
                        EventLevel.Informational,
                        arguments: new Dictionary<string, string>(StringComparer.Ordinal) { ["EventCounterIntervalSec"] = "1" }),
                ],
                requestRundown: false,
                circularBufferMB: 16,
                CancellationToken.None));

    /// <summary>Resets all sums.</summary>
    public void Reset() => _sums.Clear();

    /// <summary>Returns the sum of a counter since the last reset.</summary>
    public double SumOf(string counter) => _sums.GetValueOrDefault(counter);

    public async ValueTask DisposeAsync()
    {
        await _session.StopAsync(CancellationToken.None);
        await _reading;
        _session.Dispose();
    }

    private void Read()
    {
        using var source = new EventPipeEventSource(_session.EventStream);
        source.Dynamic.All += Take;
        source.Process();
    }

    private void Take(TraceEvent data)
    {
        if (data.EventName != "EventCounters" || data.PayloadValue(0) is not IDictionary<string, object> { } wrapper
            || wrapper["Payload"] is not IDictionary<string, object> counter)
            return;
        var value = counter.TryGetValue("Increment", out var increment) ? increment : counter["Mean"];
        var number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
        _sums.AddOrUpdate((string)counter["Name"], number, (_, sum) => sum + number);
    }
}
