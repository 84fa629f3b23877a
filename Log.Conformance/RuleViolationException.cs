namespace LogKit.Conformance;

/// <summary>A log broke a rule: the message names the rule, what it demands, and what came.</summary>
/// <param name="rule">The rule's id.</param>
/// <param name="problem">What was expected and what came instead.</param>
/// <param name="innerException">What the log threw, if it did.</param>
public sealed class RuleViolationException(string rule, string problem, Exception? innerException = null)
    : Exception($"{rule} is broken: {problem}", innerException)
{
    /// <summary>The rule's id.</summary>
    public string Rule { get; } = rule;
}
