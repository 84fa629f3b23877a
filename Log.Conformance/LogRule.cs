using System.Diagnostics;
using LogKit.Conformance.Reporting;
using LogKit.Conformance.Running;

namespace LogKit.Conformance;

/// <summary>A rule of the catalog: what it requires of a log, and how to check it.</summary>
public sealed class LogRule
{
    private readonly Func<RuleRun, Task> _check;

    internal LogRule(RuleAttribute rule, string method, string chapter, Func<RuleRun, Task> check)
    {
        (Id, Statement, Why, Without, Needs) = (rule.Id, rule.Statement, rule.Why, rule.Without, rule.Needs);
        (Method, Chapter, _check) = (method, chapter, check);
        Title = method[(rule.Id.Length + 1)..].Replace('_', ' ');
    }

    /// <summary>The id, for example <c>APPEND-01</c>. It never changes its meaning.</summary>
    public string Id { get; }

    /// <summary>The rule in a few lower-case words, for the name of a test.</summary>
    public string Title { get; }

    /// <summary>What the rule requires, as a sentence.</summary>
    public string Statement { get; }

    /// <summary>Why the rule exists.</summary>
    public string Why { get; }

    /// <summary>What goes wrong for users of a log that breaks the rule.</summary>
    public string Without { get; }

    /// <summary>The part of the catalog that the rule belongs to, for example <c>Appending</c>.</summary>
    public string Chapter { get; }

    /// <summary>The capabilities that the rule needs. It is skipped if the harness does not declare them.</summary>
    public LogCapabilities Needs { get; }

    /// <summary>The name of the method that checks the rule, which is a valid identifier.</summary>
    public string Method { get; }

    /// <summary>Why the rule does not apply to the logs of a harness; null if it does.</summary>
    /// <param name="harness">The harness.</param>
    public string? ReasonToSkip(LogHarness harness)
    {
        ArgumentNullException.ThrowIfNull(harness);
        if (harness.ReasonToSkip is { } reason)
            return $"{Id} {reason}";
        return (Needs & ~harness.Capabilities) is not LogCapabilities.None and var missing
            ? $"{Id} needs a log with the capability {missing}, which {harness.GetType().Name} does not declare" : null;
    }

    /// <summary>
    /// Checks the rule on new logs of a harness. Never throws because of the log: the result says how the rule came out.
    /// </summary>
    /// <param name="harness">Gives access to the logs. Its other rules may run concurrently.</param>
    /// <returns>The result, which is also added to the report that <c>LOGKIT_REPORT</c> asks for.</returns>
    public async Task<RuleResult> RunAsync(LogHarness harness)
    {
        RuleResult result;
        if (ReasonToSkip(harness) is { } reason)
        {
            result = new RuleResult(this, RuleOutcome.Skipped, reason);
        }
        else
        {
            var started = Stopwatch.GetTimestamp();
            result = await Task.Run(() => CheckAsync(harness)).ConfigureAwait(false); // away from the context of a test framework
            result = result with { Duration = Stopwatch.GetElapsedTime(started) };
        }

        Report.Requested?.Add(harness, result);
        return result;
    }

    /// <summary>The id and the title.</summary>
    public override string ToString() => $"{Id} {Title}";

    private async Task<RuleResult> CheckAsync(LogHarness harness)
    {
        var deviation = harness.Deviations.FirstOrDefault(deviation => deviation.Rule == Id);
        try
        {
            await using var run = new RuleRun(this, harness);
            await run.RunAsync(_check);
        }
        catch (RuleSkippedException exception)
        {
            return new RuleResult(this, RuleOutcome.Skipped, exception.Message);
        }
        catch (RuleViolationException exception)
        {
            return deviation is null
                ? new RuleResult(this, RuleOutcome.Failed, exception.Message) { Violation = exception }
                : new RuleResult(this, RuleOutcome.KnownDeviation, $"{Id} is a known deviation: {deviation}")
                {
                    Violation = exception,
                    Deviation = deviation,
                };
        }

        if (deviation is null)
            return new RuleResult(this, RuleOutcome.Passed);
        var stale = new RuleViolationException(
            Id, $"{harness.GetType().Name} declares a known deviation ({deviation}), but the rule passes: remove it");
        return new RuleResult(this, RuleOutcome.Failed, stale.Message) { Violation = stale, Deviation = deviation };
    }
}
