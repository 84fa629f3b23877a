using System.Globalization;

namespace LogKit.Conformance.Running;

/// <summary>
/// The seeds of the random rules. They are fixed, so that a suite that passed keeps passing. <c>LOGKIT_SEED=N</c> runs that seed alone;
/// <c>LOGKIT_EFFORT=N</c> runs N times as many.
/// </summary>
internal static class Seeds
{
    public static int Effort { get; } = Read("LOGKIT_EFFORT") is { } effort and > 0 ? effort : 1;

    public static IEnumerable<int> Of(int count) =>
        Read("LOGKIT_SEED") is { } seed ? [seed] : Enumerable.Range(1, Math.Max(1, count) * Effort);

    /// <summary>Combines numbers to a seed. The result is the same in every process, unlike that of <see cref="HashCode"/>.</summary>
    public static int Mix(params ReadOnlySpan<int> numbers)
    {
        var mixed = 17ul;
        foreach (var number in numbers)
            mixed = (mixed ^ (uint)number) * 0x9E3779B97F4A7C15;
        return (int)(mixed >> 33);
    }

    private static int? Read(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number : null;
}
