using Xunit;
using Xunit.Sdk;

namespace LogKit.Conformance;

/// <summary>Marks a test as a rule of the catalog, with its id and the capabilities that it needs.</summary>
/// <param name="id">The id in the catalog, for example <c>APPEND-01</c>.</param>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("LogKit.Conformance.Xunit.RuleDiscoverer", "LogKit.Conformance")]
public sealed class RuleAttribute(string id) : FactAttribute
{
    /// <summary>The id of the rule.</summary>
    public string Id { get; } = id;

    /// <summary>The capabilities that the rule needs. It is skipped if the harness does not declare them.</summary>
    public LogCapabilities Needs { get; init; }
}
