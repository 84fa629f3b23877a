using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace LogKit.Conformance.Xunit;

/// <summary>Makes a method that takes the id of a rule a test for each rule.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("LogKit.Conformance.Xunit.RuleDiscoverer", "LogKit.Conformance.Xunit")]
internal sealed class RuleTestsAttribute : FactAttribute
{
    /// <summary>Whether the rules are those for stores.</summary>
    public bool OfStores { get; init; }
}

/// <summary>Creates a <see cref="RuleTestCase"/> for each rule.</summary>
public sealed class RuleDiscoverer(IMessageSink diagnostics) : IXunitTestCaseDiscoverer
{
    /// <inheritdoc/>
    public IEnumerable<IXunitTestCase> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        IdsOf(factAttribute).Select(id => new RuleTestCase(
            diagnostics, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod, id));

    private static IEnumerable<string> IdsOf(IAttributeInfo attribute) =>
        attribute.GetNamedArgument<bool>(nameof(RuleTestsAttribute.OfStores)) ? LogStoreRules.Ids : LogRules.Ids;
}
