using Xunit.Abstractions;
using Xunit.Sdk;

namespace LogKit.Conformance.Xunit;

/// <summary>Creates a <see cref="RuleTestCase"/> for each method that is marked with <see cref="RuleAttribute"/>.</summary>
public sealed class RuleDiscoverer(IMessageSink diagnostics) : IXunitTestCaseDiscoverer
{
    /// <inheritdoc/>
    public IEnumerable<IXunitTestCase> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute)
    {
        yield return new RuleTestCase(
            diagnostics, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod);
    }
}
