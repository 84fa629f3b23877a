using System.Globalization;

namespace LogKit.Conformance.Reporting;

/// <summary>The console run: prints a line per rule, the messages of failures, and a summary.</summary>
/// <param name="harness">The harness.</param>
/// <param name="output">Receives the results.</param>
/// <param name="errors">Receives a complaint about the arguments.</param>
/// <param name="isTerminal">Whether to show the rule that is running, and overwrite it.</param>
internal sealed class ConsoleRun(LogHarness harness, TextWriter output, TextWriter errors, bool isTerminal)
{
    private const int Passed = 0;
    private const int Failed = 1;
    private const int Misused = 2;

    private const string Help = """
        Runs the conformance rules on a log.

        Arguments: ids, beginnings of ids, or chapters, for example APPEND-01 WAIT Durability. Without any, all rules run.
          --list      list the rules instead of running them
          --measure   measure the log instead: a table of throughput and latency, about a second per row
          --help      show this

        Environment:
          LOGKIT_REPORT=DIR      write report.json, report.md, and report.html to a directory
          LOGKIT_SEED=N          run this seed of the random rules alone
          LOGKIT_EFFORT=N        run N times as many seeds
          LOGKIT_SOAK_SECONDS=N  run new seeds for N seconds in each random rule
          LOGKIT_SINGLE_THREAD=1 run the rules under a synchronization context with a single thread

        Exit code: 0 if no rule failed, 1 if one did, 2 if an argument is invalid.
        """;

    public async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        if (arguments.Contains("--help"))
        {
            await output.WriteLineAsync(Help);
            return Passed;
        }

        if (arguments is ["--measure"])
        {
            await output.WriteAsync(await LogRules.MeasureAsync([(harness.GetType().Name, harness)]));
            return Passed;
        }

        var all = LogRules.AllOf(harness);
        var selectors = arguments.Where(argument => argument != "--list").ToList();
        if (selectors.FirstOrDefault(selector => !all.Any(rule => IsSelected(rule, selector))) is { } unknown)
        {
            var chapters = string.Join(", ", all.Select(rule => rule.Chapter).Distinct());
            await errors.WriteLineAsync(
                $"error: '{unknown}' is neither an id, nor the beginning of an id, nor a chapter; the chapters are {chapters}; see --help");
            return Misused;
        }

        var rules = all.Where(rule => selectors.Count == 0 || selectors.Exists(selector => IsSelected(rule, selector))).ToList();
        if (arguments.Contains("--list"))
        {
            foreach (var rule in rules)
                await output.WriteLineAsync($"{rule.Id,-12}{rule.Statement}");
            return Passed;
        }

        return await RunAsync(rules);
    }

    private static bool IsSelected(LogRule rule, string selector) =>
        rule.Chapter.Equals(selector, StringComparison.OrdinalIgnoreCase)
        || rule.Id.Equals(selector, StringComparison.OrdinalIgnoreCase)
        || rule.Id.StartsWith($"{selector.TrimEnd('-')}-", StringComparison.OrdinalIgnoreCase);

    private async Task<int> RunAsync(List<LogRule> rules)
    {
        var results = new List<RuleResult>();
        foreach (var rule in rules)
        {
            if (isTerminal)
                await output.WriteAsync($"[{results.Count + 1}/{rules.Count}] {rule.Id}");
            var result = await rule.RunAsync(harness);
            results.Add(result);
            if (isTerminal)
                await output.WriteAsync("\r\e[K");
            var detail = result.Outcome is RuleOutcome.Skipped or RuleOutcome.KnownDeviation ? result.Message : $"{rule.Id} {rule.Title}";
            var seconds = result.Outcome is RuleOutcome.Skipped
                ? "" : string.Create(CultureInfo.InvariantCulture, $"{result.Duration.TotalSeconds:0.00} s");
            await output.WriteLineAsync($"{FailureText.Name(result.Outcome),-10}{seconds,9}  {detail}");
        }

        foreach (var failure in results.Where(result => result.Outcome is RuleOutcome.Failed))
            await output.WriteLineAsync($"\n{failure.Message}");
        var summary = Counted(RuleOutcome.Passed) + Counted(RuleOutcome.Failed) + Counted(RuleOutcome.Skipped);
        if (results.Exists(result => result.Outcome is RuleOutcome.KnownDeviation))
            summary += Counted(RuleOutcome.KnownDeviation);
        await output.WriteLineAsync($"\n{harness.GetType().Name}: {summary}of {results.Count} rules");
        return results.Exists(result => result.Outcome is RuleOutcome.Failed) ? Failed : Passed;

        string Counted(RuleOutcome outcome) => $"{results.Count(result => result.Outcome == outcome)} {FailureText.Name(outcome)}, ";
    }
}
