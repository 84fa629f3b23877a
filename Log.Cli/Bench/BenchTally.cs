using System.Collections.Concurrent;
using System.Diagnostics;
using HdrHistogram;

namespace LogKit.Cli.Bench;

/// <summary>The outcomes of the appends of one part of a run. Thread-safe.</summary>
internal sealed class BenchTally
{
    private static readonly long MaxTicks = Stopwatch.Frequency * 60 * 60;

    private readonly HistogramBase _latencies =
        HistogramFactory.With64BitBucketSize().WithValuesUpTo(MaxTicks).WithPrecisionOf(3).WithThreadSafeWrites().Create();

    private readonly ConcurrentDictionary<string, long> _errors = [];
    private long _appends; // Interlocked
    private long _delivered; // Interlocked

    public long Appends => Interlocked.Read(ref _appends);

    /// <summary>The records that tails received.</summary>
    public long Delivered => Interlocked.Read(ref _delivered);

    public IReadOnlyDictionary<string, long> Errors => _errors;

    public void Acknowledged(long ticks)
    {
        _latencies.RecordValue(Math.Min(ticks, MaxTicks));
        Interlocked.Increment(ref _appends);
    }

    public void Failed(string kind) => _errors.AddOrUpdate(kind, 1, static (_, count) => count + 1);

    public void Received(int records) => Interlocked.Add(ref _delivered, records);

    /// <summary>A percentile of the latency. Call this when the run has stopped.</summary>
    /// <param name="percent">From 0 to 100; 100 is the longest latency.</param>
    public TimeSpan LatencyAt(double percent) =>
        TimeSpan.FromSeconds((double)_latencies.GetValueAtPercentile(percent) / Stopwatch.Frequency);
}
