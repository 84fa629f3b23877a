namespace LogKit.Conformance;

/// <summary>
/// A log broke a rule: the message names the rule, what it demands and what came, the last operations as a program, and the seed
/// where chance was involved.
/// </summary>
/// <param name="rule">The rule's id.</param>
/// <param name="problem">What was expected and what came instead.</param>
/// <param name="violation">In which way.</param>
/// <param name="evidence">What led there, in lines of its own.</param>
/// <param name="innerException">What the log threw, if it did.</param>
public sealed class RuleViolationException(
    string rule, string problem, RuleViolation violation = RuleViolation.Broken, string evidence = "", Exception? innerException = null)
    : Exception($"{rule} is broken: {problem}{(evidence.Length == 0 ? "" : $"\n{evidence}")}", innerException)
{
    /// <summary>The rule's id.</summary>
    public string Rule { get; } = rule;

    /// <summary>What was expected and what came instead.</summary>
    public string Problem { get; } = problem;

    /// <summary>In which way the rule was broken.</summary>
    public RuleViolation Violation { get; } = violation;
}

/// <summary>The ways in which a rule is broken.</summary>
public enum RuleViolation
{
    /// <summary>What the rule demands is not so.</summary>
    Broken,

    /// <summary>A call that has to end did not, so that the rule could not be looked at.</summary>
    NoAnswer,

    /// <summary>A call threw what no log may throw, so that the rule could not be looked at.</summary>
    ForeignException,
}
