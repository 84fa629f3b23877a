using System.Globalization;
using LogKit.Conformance.Running;

namespace LogKit.Tests.Support;

/// <summary>
/// Seeds of random tests. They are random unless <c>LOGKIT_SEED</c> is set. <c>LOGKIT_EFFORT=N</c> makes the tests N times as long.
/// </summary>
internal static class TestSeed
{
    public static int Effort => Seeds.Effort;

    /// <summary>Returns the seed of a test. Every failure message of the test must include it.</summary>
    public static int Next() =>
        int.TryParse(Environment.GetEnvironmentVariable("LOGKIT_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed : Random.Shared.Next();

    /// <summary>Derives the seed of one part of a test.</summary>
    public static int Mix(params ReadOnlySpan<int> numbers) => Seeds.Mix(numbers);
}
