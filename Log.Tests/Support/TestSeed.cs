using System.Globalization;
using LogKit.Conformance.Running;

namespace LogKit.Tests.Support;

/// <summary>
/// Seeds of random tests: fresh ones unless <c>LOGKIT_SEED</c> gives one; <c>LOGKIT_EFFORT=N</c> makes them N times as long.
/// </summary>
internal static class TestSeed
{
    public static int Effort => Seeds.Effort;

    /// <summary>The seed of a test, which belongs into each of its messages.</summary>
    public static int Next() =>
        int.TryParse(Environment.GetEnvironmentVariable("LOGKIT_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed : Random.Shared.Next();

    /// <summary>The seed of a part of a test.</summary>
    public static int Mix(params ReadOnlySpan<int> numbers) => Seeds.Mix(numbers);
}
