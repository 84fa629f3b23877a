using System.Diagnostics;

namespace LogKit.Cli.Bench;

/// <summary>
/// Counts the outcomes of appends of all producers. Appends that begin after the warm-up count, whenever they end, so slow answers are
/// measured. If the run ends during the warm-up, it reports the figures of the warm-up.
/// </summary>
internal sealed class BenchMeter
{
    private readonly BenchTally _warmup = new();
    private readonly BenchTally _counted = new();
    private long _startedAt = long.MaxValue; // Volatile, like the next two: set by the run only
    private long _countedFrom = long.MaxValue;
    private long _stoppedAt = long.MaxValue;

    /// <summary>The measured appends; once stopped, those that are reported.</summary>
    public BenchTally Tally => IsWarmupOnly ? _warmup : _counted;

    /// <summary>Whether the run ended during the warm-up.</summary>
    public bool IsWarmupOnly => Volatile.Read(ref _stoppedAt) <= Volatile.Read(ref _countedFrom);

    /// <summary>The time covered by the tally, up to now or the end; zero during the warm-up.</summary>
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

    /// <param name="begunAt">The start of the append, as a <see cref="Stopwatch"/> timestamp.</param>
    public void Acknowledged(long begunAt) => TallyOf(begunAt).Acknowledged(Stopwatch.GetTimestamp() - begunAt);

    /// <param name="begunAt">The start of the call.</param>
    /// <param name="kind">The name of its status.</param>
    public void Failed(long begunAt, string kind) => TallyOf(begunAt).Failed(kind);

    /// <summary>Records that a tail failed. It counts at any time.</summary>
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
