namespace LogKit.Conformance.Running;

/// <summary>Thrown by a rule that finds that it does not apply to a log.</summary>
internal sealed class RuleSkippedException(string reason) : Exception(reason);
