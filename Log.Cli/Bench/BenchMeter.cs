using System.Collections.Concurrent;
using System.Diagnostics;
using HdrHistogram;

namespace LogKit.Cli.Bench;

/// <summary>
/// Counts what becomes of appends, from all producers at once. Those count that begin after the warm-up, whenever they end: so an
/// answer that is long in coming is measured, and not left out.
/// </summary>
internal sealed class BenchMeter
{
    private static readonly long LongestTicks = Stopwatch.Frequency * 60 * 60;

    private readonly HistogramBase _latencies =
        HistogramFactory.With64BitBucketSize().WithValuesUpTo(LongestTicks).WithPrecisionOf(3).WithThreadSafeWrites().Create();

    private readonly ConcurrentDictionary<string, long> _errors = [];
    private long _countedFrom = long.MaxValue;
    private long _stoppedAt = long.MaxValue;
    private long _appends;
    private long _delivered;

    public long Appends => Interlocked.Read(ref _appends);

    /// <summary>The records that tails got.</summary>
    public long Delivered => Interlocked.Read(ref _delivered);

    public IReadOnlyDictionary<string, long> Errors => _errors;

    /// <summary>The time since the end of the warm-up, or until it stopped; zero before.</summary>
    public TimeSpan Elapsed
    {
        get
        {
            var end = Math.Min(Volatile.Read(ref _stoppedAt), Stopwatch.GetTimestamp());
            return end <= Volatile.Read(ref _countedFrom) ? TimeSpan.Zero : Stopwatch.GetElapsedTime(Volatile.Read(ref _countedFrom), end);
        }
    }

    public void Start(TimeSpan warmup) =>
        Volatile.Write(ref _countedFrom, Stopwatch.GetTimestamp() + (long)(warmup.TotalSeconds * Stopwatch.Frequency));

    public void Stop() => Volatile.Write(ref _stoppedAt, Stopwatch.GetTimestamp());

    /// <param name="begunAt">When the append began, as <see cref="Stopwatch"/> tells it.</param>
    public void Acknowledged(long begunAt)
    {
        if (begunAt < Volatile.Read(ref _countedFrom))
            return;
        _latencies.RecordValue(Math.Min(Stopwatch.GetTimestamp() - begunAt, LongestTicks));
        Interlocked.Increment(ref _appends);
    }

    /// <param name="begunAt">When the call began.</param>
    /// <param name="kind">The name of its status.</param>
    public void Failed(long begunAt, string kind)
    {
        if (begunAt >= Volatile.Read(ref _countedFrom))
            _errors.AddOrUpdate(kind, 1, static (_, count) => count + 1);
    }

    public void TailFailed(string kind) => _errors.AddOrUpdate(kind, 1, static (_, count) => count + 1);

    public void Received(int records)
    {
        var now = Stopwatch.GetTimestamp();
        if (now >= Volatile.Read(ref _countedFrom) && now <= Volatile.Read(ref _stoppedAt))
            Interlocked.Add(ref _delivered, records);
    }

    /// <summary>The latency that this share of the appends stayed within, once all has stopped.</summary>
    /// <param name="percent">From 0 to 100, where 100 gives the longest.</param>
    public TimeSpan LatencyAt(double percent) =>
        TimeSpan.FromSeconds((double)_latencies.GetValueAtPercentile(percent) / Stopwatch.Frequency);
}
