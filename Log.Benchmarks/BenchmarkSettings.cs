using System.Globalization;

namespace LogKit.Benchmarks;

/// <summary>What the command line asks of a run.</summary>
internal sealed class BenchmarkSettings(string[] args)
{
    private int _paths;

    /// <summary>Where files are made; removed afterwards. The device under it is what is measured.</summary>
    public string Directory { get; } = Path.GetFullPath(Value(args, "--directory") ?? "benchmark-data");

    /// <summary>How long each measurement of a row takes.</summary>
    public double Seconds { get; } = double.Parse(Value(args, "--seconds") ?? "1", CultureInfo.InvariantCulture);

    /// <summary>The size of the large log, in GiB.</summary>
    public double LargeGiB { get; } = double.Parse(Value(args, "--large-gib") ?? "8", CultureInfo.InvariantCulture);

    /// <summary>Rows whose name contains this; all, where there is none.</summary>
    public string Only { get; } = Value(args, "--only") ?? "";

    /// <summary>Where the result is written as JSON; nowhere if null.</summary>
    public string? JsonFile { get; } = Value(args, "--json");

    /// <summary>Where the result is drawn, as SVG; nowhere if null.</summary>
    public string? ChartFile { get; } = Value(args, "--chart");

    /// <summary>A path in the directory that nobody else uses.</summary>
    public string NewPath() => Path.Combine(Directory, (_paths++).ToString(CultureInfo.InvariantCulture));

    private static string? Value(string[] args, string name) =>
        Array.IndexOf(args, name) is var index && index >= 0 && index + 1 < args.Length ? args[index + 1] : null;
}
