using Xunit;
using Xunit.Sdk;

namespace LogKit.Conformance;

/// <summary>Marks a test as a rule of the catalogue: its id, and what the harness must be able to do for it.</summary>
/// <param name="id">As the catalogue has it, for example <c>APPEND-01</c>.</param>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("LogKit.Conformance.Xunit.RuleDiscoverer", "LogKit.Conformance")]
public sealed class RuleAttribute(string id) : FactAttribute
{
    /// <summary>The rule's id.</summary>
    public string Id { get; } = id;

    /// <summary>What the harness must be able to do; the rule is skipped where it cannot.</summary>
    public LogCapabilities Needs { get; init; }
}
