using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

namespace LogKit.Conformance.Reporting;

/// <summary>What a report says of a harness: what it can do, and how its rules came out, in the order of the catalog.</summary>
internal sealed record HarnessReport(string Name, string Assembly, LogCapabilities Capabilities, IReadOnlyList<RuleResult> Results)
{
    public IEnumerable<RuleResult> With(RuleOutcome outcome) => Results.Where(result => result.Outcome == outcome);

    public int Count(RuleOutcome outcome) => With(outcome).Count();

    /// <summary>Causes that several failures share, which probably are one mistake.</summary>
    public IEnumerable<(string Cause, string Rules)> SharedCauses =>
        from failure in With(RuleOutcome.Failed)
        let cause = FailureText.CauseOf(failure)
        where cause is not null
        group failure.Rule.Id by cause into failures
        where failures.Skip(1).Any()
        select (failures.Key, string.Join(", ", failures));

    /// <summary>The name of the exported history of a failure, relative to the report.</summary>
    public string HistoryFileOf(RuleResult result) => HistoryFileOf(Name, result);

    /// <inheritdoc cref="HistoryFileOf(RuleResult)"/>
    public static string HistoryFileOf(string harness, RuleResult result) => $"history-{harness}-{result.Rule.Id}.jsonl";
}

/// <summary>A report: when and where it was made, and the harnesses whose rules were run, by name.</summary>
internal sealed record ReportContent(
    DateTimeOffset Created, string Kit, string Machine, string Settings, IReadOnlyList<HarnessReport> Harnesses);

/// <summary>
/// Collects the results of this process, and writes them to the directory that <c>LOGKIT_REPORT</c> names: <c>report.json</c>,
/// <c>report.md</c>, <c>report.html</c>, and the history of each failure. The files are complete after every result, or a moment later.
/// </summary>
/// <param name="directory">The directory, which is created if needed.</param>
internal sealed class Report(string directory)
{
    private readonly Lock _gate = new();

    // Guarded by _gate.
    private readonly Dictionary<string, (LogHarness Harness, Dictionary<string, RuleResult> Results)> _harnesses = [];
    private Timer? _writing;
    private TimeSpan _cost;
    private long _writtenAt;

    /// <summary>The report that the environment asks for; null if it asks for none.</summary>
    public static Report? Requested { get; } = Request();

    /// <summary>Adds a result, or replaces an earlier one of the same rule.</summary>
    public void Add(LogHarness harness, RuleResult result)
    {
        lock (_gate)
        {
            var key = harness.GetType().FullName!;
            if (!_harnesses.TryGetValue(key, out var known))
                _harnesses[key] = known = (harness, []);
            known.Results[result.Rule.Id] = result;
            if (result is { Outcome: RuleOutcome.Failed, Violation.History.Count: > 0 })
            {
                var name = harness.GetType().Name;
                WriteFile(HarnessReport.HistoryFileOf(name, result), HistoryExport.ToJsonLines(result, name));
            }


            // A suite may have thousands of results: writing takes at most a tenth of the time.
            if (Stopwatch.GetElapsedTime(_writtenAt) > _cost * 10)
                Write();
            else
                _writing ??= new Timer(_ => Flush(), null, _cost * 10, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Writes what has been added.</summary>
    public void Flush()
    {
        lock (_gate)
            Write();
    }

    private static Report? Request()
    {
        if (Environment.GetEnvironmentVariable("LOGKIT_REPORT") is not { Length: > 0 } directory)
            return null;
        var report = new Report(directory);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => report.Flush();
        return report;
    }

    private void Write()
    {
        _writing?.Dispose();
        _writing = null;
        var started = Stopwatch.GetTimestamp();
        var content = Content();
        WriteFile("report.json", JsonReport.Of(content));
        WriteFile("report.md", MarkdownReport.Of(content));
        WriteFile("report.html", HtmlReport.Of(content));
        (_cost, _writtenAt) = (Stopwatch.GetElapsedTime(started), Stopwatch.GetTimestamp());
    }

    private ReportContent Content()
    {
        var harnesses = _harnesses.Values.Select(known => new HarnessReport(
            known.Harness.GetType().Name,
            Version(known.Harness.GetType().Assembly),
            known.Harness.Capabilities,
            [.. LogRules.AllOf(known.Harness).Select(rule => ResultOf(rule, known.Harness, known.Results)).OfType<RuleResult>()]));
        var settings = ((string[])["LOGKIT_SEED", "LOGKIT_EFFORT", "LOGKIT_SOAK_SECONDS"])
            .Where(name => Environment.GetEnvironmentVariable(name) is { Length: > 0 })
            .Select(name => $"{name}={Environment.GetEnvironmentVariable(name)}");
        return new ReportContent(
            DateTimeOffset.UtcNow,
            Version(typeof(Report).Assembly),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription}, "
                    + $"{Environment.ProcessorCount} processors"),
            string.Join(' ', settings),
            [.. harnesses.OrderBy(harness => harness.Name, StringComparer.Ordinal)]);
    }

    /// <summary>The result of a rule; null if it has not run yet. Test frameworks do not run what is skipped.</summary>
    private static RuleResult? ResultOf(LogRule rule, LogHarness harness, Dictionary<string, RuleResult> results) =>
        results.TryGetValue(rule.Id, out var result) ? result
        : rule.ReasonToSkip(harness) is { } reason ? new RuleResult(rule, RuleOutcome.Skipped, reason)
        : null;

    /// <summary>Replaces a file as a whole, so that a reader never sees half of it.</summary>
    private void WriteFile(string name, string text)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, name);
        File.WriteAllText($"{path}.new", text);
        File.Move($"{path}.new", path, overwrite: true);
    }

    private static string Version(Assembly assembly)
    {
        var version = assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];
        return $"{assembly.GetName().Name} {version}";
    }
}
