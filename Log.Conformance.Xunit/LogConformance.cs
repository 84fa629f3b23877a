using Xunit;

namespace LogKit.Conformance.Xunit;

/// <summary>
/// The conformance suite under xunit 2. Inherit it in one line, and each rule of the catalog becomes a test of your log:
/// <code>public sealed class MyLogConformance(MyHarness harness) : LogConformance&lt;MyHarness&gt;(harness);</code>
/// </summary>
/// <typeparam name="THarness">Gives the suite access to the log. It is created once, and disposed after the last rule.</typeparam>
/// <param name="harness">The harness.</param>
public abstract class LogConformance<THarness>(THarness harness) : IClassFixture<THarness>
    where THarness : LogHarness
{
    /// <summary>Runs a rule.</summary>
    /// <param name="id">The id of the rule.</param>
    [RuleTests]
    public async Task Rule(string id)
    {
        var result = await LogRules.Get(id).RunAsync(harness).ConfigureAwait(false);
        if (result.IsSkipped)
            throw new RuleSkippedException(result.Message);
        result.ThrowIfFailed();
    }
}
