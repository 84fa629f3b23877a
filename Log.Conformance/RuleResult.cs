using System.Runtime.ExceptionServices;

namespace LogKit.Conformance;

/// <summary>How a rule came out on the logs of a harness.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Outcome">The outcome.</param>
/// <param name="Message">The reason of a skip, the message of a failure, or the deviation; null if the rule passed.</param>
public sealed record RuleResult(LogRule Rule, RuleOutcome Outcome, string? Message = null)
{
    /// <summary>How the log broke the rule; null if it did not.</summary>
    public RuleViolationException? Violation { get; init; }

    /// <summary>The deviation that the harness declares for this rule; null if it declares none.</summary>
    public KnownDeviation? Deviation { get; init; }

    /// <summary>How long the check took.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>
    /// Whether a test framework should show the test as skipped: the rule does not apply, or it is a known deviation.
    /// <see cref="Message"/> is the reason.
    /// </summary>
    public bool IsSkipped => Outcome is RuleOutcome.Skipped or RuleOutcome.KnownDeviation;

    /// <summary>Fails the test that runs the rule.</summary>
    /// <exception cref="RuleViolationException">The outcome is <see cref="RuleOutcome.Failed"/>.</exception>
    public void ThrowIfFailed()
    {
        if (Outcome is RuleOutcome.Failed)
            ExceptionDispatchInfo.Throw(Violation!);
    }
}

/// <summary>The outcomes of a rule.</summary>
public enum RuleOutcome
{
    /// <summary>The log keeps the rule.</summary>
    Passed,

    /// <summary>The rule does not apply: the harness lacks a capability that the rule needs, or cannot run here.</summary>
    Skipped,

    /// <summary>The log breaks the rule, or keeps it although the harness declares a deviation.</summary>
    Failed,

    /// <summary>The log breaks the rule, as the harness declares.</summary>
    KnownDeviation,
}

/// <summary>
/// A rule that a log breaks knowingly. The rule is run all the same and must fail; once it passes, the run fails until the deviation is
/// removed. Reports list deviations.
/// </summary>
/// <param name="Rule">The id of the rule.</param>
/// <param name="Reason">Why the log breaks it, for those who read a report.</param>
/// <param name="Link">Where the deviation is tracked or documented; null if nowhere.</param>
public sealed record KnownDeviation(string Rule, string Reason, Uri? Link = null)
{
    /// <summary>The reason and the link.</summary>
    public override string ToString() => Link is null ? Reason : $"{Reason}, see {Link}";
}
