using System.Text.Json.Serialization;

namespace LogKit.Cli.Bench;

/// <summary>Percentiles of the time from the start of an append to its answer, in milliseconds.</summary>
internal sealed record BenchLatency(
    double P50Ms, double P90Ms, double P99Ms, [property: JsonPropertyName("p99_9_ms")] double P999Ms, double MaxMs)
{
    public static BenchLatency Of(BenchTally tally)
    {
        return new BenchLatency(At(50), At(90), At(99), At(99.9), At(100));

        double At(double percent) => Math.Round(tally.LatencyAt(percent).TotalMilliseconds, 3);
    }
}
