using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance;

/// <summary>
/// A log broke a rule. The message contains the rule, what it expected and what happened instead, the last operations as a program, and the
/// seed if there is one.
/// </summary>
/// <param name="rule">The id of the rule.</param>
/// <param name="problem">What was expected, and what happened instead.</param>
/// <param name="violation">How the rule was broken.</param>
/// <param name="evidence">What led to the violation, on separate lines.</param>
/// <param name="innerException">The exception of the log, if there was one.</param>
public sealed class RuleViolationException(
    string rule, string problem, RuleViolation violation = RuleViolation.Broken, string evidence = "", Exception? innerException = null)
    : Exception($"{rule} is broken: {problem}{(evidence.Length == 0 ? "" : $"\n{evidence}")}", innerException)
{
    private Misfit? _misfit;

    /// <summary>The id of the rule.</summary>
    public string Rule { get; } = rule;

    /// <summary>What was expected, and what happened instead.</summary>
    public string Problem { get; } = problem;

    /// <summary>How the rule was broken.</summary>
    public RuleViolation Violation { get; } = violation;

    /// <summary>The seed and other context; null if there is none.</summary>
    internal string? Seed { get; init; }

    /// <summary>The calls that were kept, as of the failure.</summary>
    internal IReadOnlyList<Operation> History { get; init; } = [];

    /// <summary>The content of the log after all calls; null if the rule does not check a whole history.</summary>
    internal IReadOnlyList<LogEntry>? Content { get; init; }

    /// <summary>Where the history stops being linearizable; null if the rule does not check a whole history. Found on first use.</summary>
    internal Misfit? Misfit => _misfit ??= Content is null ? null : Misfit.Of(History, Content);
}

/// <summary>The ways in which a rule can be broken.</summary>
public enum RuleViolation
{
    /// <summary>What the rule requires does not hold.</summary>
    Broken,

    /// <summary>A call that must complete did not, so the rule could not be checked.</summary>
    NoAnswer,

    /// <summary>A call threw an exception that no log may throw, so the rule could not be checked.</summary>
    ForeignException,
}
