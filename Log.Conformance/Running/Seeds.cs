using System.Diagnostics;
using System.Globalization;

namespace LogKit.Conformance.Running;

/// <summary>
/// The seeds of the random rules. They are fixed, so that a suite that passed keeps passing. <c>LOGKIT_SEED=N</c> runs that seed alone;
/// <c>LOGKIT_EFFORT=N</c> runs N times as many; <c>LOGKIT_SOAK_SECONDS=N</c> runs new seeds for N seconds in each rule.
/// </summary>
internal static class Seeds
{
    public static int Effort { get; } = Read("LOGKIT_EFFORT") is { } effort and > 0 ? effort : 1;

    public static IEnumerable<int> Of(int count) => (Read("LOGKIT_SEED"), Read("LOGKIT_SOAK_SECONDS")) switch
    {
        ({ } seed, _) => [seed],
        (_, { } seconds) => Soak(TimeSpan.FromSeconds(seconds)),
        _ => Enumerable.Range(1, Math.Max(1, count) * Effort),
    };

    /// <summary>Combines numbers to a seed. The result is the same in every process, unlike that of <see cref="HashCode"/>.</summary>
    public static int Mix(params ReadOnlySpan<int> numbers)
    {
        var mixed = 17ul;
        foreach (var number in numbers)
            mixed = (mixed ^ (uint)number) * 0x9E3779B97F4A7C15;
        return (int)(mixed >> 33);
    }

    private static IEnumerable<int> Soak(TimeSpan duration)
    {
        var started = Stopwatch.GetTimestamp();
        for (var seed = Random.Shared.Next(int.MaxValue / 2); Stopwatch.GetElapsedTime(started) < duration; seed++)
            yield return seed;
    }

    private static int? Read(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number : null;
}
