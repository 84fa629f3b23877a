using System.Diagnostics;

namespace LogKit.Cli.Bench;

/// <summary>
/// Counts what becomes of appends, from all producers at once. Those count that begin after the warm-up, whenever they end: so a slow
/// answer is measured and not left out. A run that ends while it warms up has the figures of the warm-up.
/// </summary>
internal sealed class BenchMeter
{
    private readonly BenchTally _warmup = new();
    private readonly BenchTally _counted = new();
    private long _startedAt = long.MaxValue; // these three are written by the run alone, and published by Volatile
    private long _countedFrom = long.MaxValue;
    private long _stoppedAt = long.MaxValue;

    /// <summary>What counts; once stopped, what the run is reported by.</summary>
    public BenchTally Tally => IsWarmupOnly ? _warmup : _counted;

    /// <summary>Whether the run ended before its warm-up did.</summary>
    public bool IsWarmupOnly => Volatile.Read(ref _stoppedAt) <= Volatile.Read(ref _countedFrom);

    /// <summary>The time that the tally covers, up to now or to the end; zero while warming up.</summary>
    public TimeSpan Elapsed
    {
        get
        {
            var from = Volatile.Read(ref IsWarmupOnly ? ref _startedAt : ref _countedFrom);
            var end = Math.Min(Volatile.Read(ref _stoppedAt), Stopwatch.GetTimestamp());
            return end <= from ? TimeSpan.Zero : Stopwatch.GetElapsedTime(from, end);
        }
    }

    public void Start(TimeSpan warmup)
    {
        var now = Stopwatch.GetTimestamp();
        Volatile.Write(ref _startedAt, now);
        Volatile.Write(ref _countedFrom, now + (long)(warmup.TotalSeconds * Stopwatch.Frequency));
    }

    public void Stop() => Volatile.Write(ref _stoppedAt, Stopwatch.GetTimestamp());

    /// <param name="begunAt">When the append began, as <see cref="Stopwatch"/> tells it.</param>
    public void Acknowledged(long begunAt) => TallyOf(begunAt).Acknowledged(Stopwatch.GetTimestamp() - begunAt);

    /// <param name="begunAt">When the call began.</param>
    /// <param name="kind">The name of its status.</param>
    public void Failed(long begunAt, string kind) => TallyOf(begunAt).Failed(kind);

    /// <summary>A tail ended. It counts whenever that was.</summary>
    public void TailFailed(string kind)
    {
        _warmup.Failed(kind);
        _counted.Failed(kind);
    }

    public void Received(int records)
    {
        var now = Stopwatch.GetTimestamp();
        if (now <= Volatile.Read(ref _stoppedAt))
            TallyOf(now).Received(records);
    }

    private BenchTally TallyOf(long timestamp) => timestamp < Volatile.Read(ref _countedFrom) ? _warmup : _counted;
}
