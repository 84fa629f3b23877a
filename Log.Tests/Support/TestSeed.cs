using System.Globalization;

namespace LogKit.Tests.Support;

/// <summary>Seeds of random tests: fresh ones unless <c>LOGKIT_SEED</c> gives one; <c>LOGKIT_EFFORT=N</c> makes them N times as long.</summary>
internal static class TestSeed
{
    public static int Effort { get; } = Read("LOGKIT_EFFORT") is { } effort and > 0 ? effort : 1;

    /// <summary>The seed of a test, which belongs into each of its messages.</summary>
    public static int Next() => Read("LOGKIT_SEED") ?? Random.Shared.Next();

    private static int? Read(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number : null;
}
