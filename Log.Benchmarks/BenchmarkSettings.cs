using System.Globalization;

namespace LogKit.Benchmarks;

/// <summary>What the command line asks of a run.</summary>
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

    /// <exception cref="ArgumentException">An argument is none of those, or not of its kind; the message says which and how.</exception>
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

    /// <summary>Where files are made; removed afterwards. The device under it is what is measured.</summary>
    public string Directory { get; }

    /// <summary>How long each measurement of a row takes.</summary>
    public double Seconds { get; }

    /// <summary>The size of the large log, in GiB.</summary>
    public double LargeGiB { get; }

    /// <summary>Where the result is written as JSON; nowhere if empty.</summary>
    public string JsonFile => _values["--json"];

    /// <summary>Where the result is drawn, as SVG; nowhere if empty.</summary>
    public string ChartFile => _values["--chart"];

    /// <summary>Runs those whose name contains what <c>--only</c> says; all, where it says nothing.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public async Task RunAsync(params (string Name, Func<Task> Run)[] all)
    {
        var only = _values["--only"];
        var chosen = Array.FindAll(all, one => one.Name.Contains(only, StringComparison.Ordinal));
        if (chosen.Length == 0)
            throw new ArgumentException($"--only is '{only}', which is in none of {string.Join(", ", all.Select(one => one.Name))}");
        foreach (var (_, run) in chosen)
            await run();
    }

    /// <summary>A path in the directory that nobody else uses.</summary>
    public string NewPath() => Path.Combine(Directory, (_paths++).ToString(CultureInfo.InvariantCulture));

    private double Number(string name) =>
        double.TryParse(_values[name], CultureInfo.InvariantCulture, out var number) && number > 0 && double.IsFinite(number)
            ? number
            : throw new ArgumentException($"{name} is '{_values[name]}': it must be a positive number");
}
