using System.Globalization;

namespace LogKit.Benchmarks;

/// <summary>The command-line settings of a run.</summary>
internal sealed class BenchmarkSettings
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal)
    {
        ["--directory"] = "benchmark-data",
        ["--seconds"] = "1",
        ["--large-gib"] = "8",
        ["--only"] = "",
        ["--json"] = "",
        ["--chart"] = "",
    };

    private int _paths;

    /// <exception cref="ArgumentException">
    /// An option is unknown, or its value is missing or invalid. The message says which and why.
    /// </exception>
    public BenchmarkSettings(ReadOnlySpan<string> args)
    {
        for (var i = 0; i < args.Length; i += 2)
        {
            if (!_values.ContainsKey(args[i]))
                throw new ArgumentException($"unknown option {args[i]}: there are {string.Join(", ", _values.Keys)}");
            if (i + 1 == args.Length)
                throw new ArgumentException($"{args[i]} takes a value");
            _values[args[i]] = args[i + 1];
        }

        Directory = Path.GetFullPath(_values["--directory"]);
        Seconds = Number("--seconds");
        LargeGiB = Number("--large-gib");
    }

    /// <summary>The directory for all files, which are removed afterwards. The benchmarks measure the device that holds it.</summary>
    public string Directory { get; }

    /// <summary>The duration of each measurement of a row, in seconds.</summary>
    public double Seconds { get; }

    /// <summary>The size of the large log, in GiB.</summary>
    public double LargeGiB { get; }

    /// <summary>The file for the result as JSON; empty for none.</summary>
    public string JsonFile => _values["--json"];

    /// <summary>The file for the result as an SVG chart; empty for none.</summary>
    public string ChartFile => _values["--chart"];

    /// <summary>Runs the benchmarks whose names contain the value of <c>--only</c>; all of them if it is empty.</summary>
    /// <exception cref="ArgumentException">No name contains it.</exception>
    public async Task RunAsync(params (string Name, Func<Task> Run)[] all)
    {
        var only = _values["--only"];
        var chosen = Array.FindAll(all, one => one.Name.Contains(only, StringComparison.Ordinal));
        if (chosen.Length == 0)
            throw new ArgumentException($"--only is '{only}', which is in none of {string.Join(", ", all.Select(one => one.Name))}");
        foreach (var (_, run) in chosen)
            await run();
    }

    /// <summary>Returns a path in the directory that is not used otherwise.</summary>
    public string NewPath() => Path.Combine(Directory, (_paths++).ToString(CultureInfo.InvariantCulture));

    private double Number(string name) =>
        double.TryParse(_values[name], CultureInfo.InvariantCulture, out var number) && number > 0 && double.IsFinite(number)
            ? number
            : throw new ArgumentException($"{name} is '{_values[name]}': it must be a positive number");
}
