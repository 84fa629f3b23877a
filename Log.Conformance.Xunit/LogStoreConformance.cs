using Xunit;

namespace LogKit.Conformance.Xunit;

/// <summary>
/// The conformance suite for stores under xunit 2. Inherit it in one line, and each rule for stores becomes a test of your store. For its
/// logs, inherit <see cref="LogConformance{THarness}"/> with the same harness:
/// <code>
/// public sealed class MyStoreConformance(MyHarness harness) : LogStoreConformance&lt;MyHarness&gt;(harness);
/// public sealed class MyStoredLogConformance(MyHarness harness) : LogConformance&lt;MyHarness&gt;(harness);
/// </code>
/// </summary>
/// <typeparam name="THarness">Gives the suite access to the store. It is created once, and disposed after the last rule.</typeparam>
/// <param name="harness">The harness.</param>
public abstract class LogStoreConformance<THarness>(THarness harness) : IClassFixture<THarness>
    where THarness : LogStoreHarness
{
    /// <summary>Runs a rule.</summary>
    /// <param name="id">The id of the rule.</param>
    [RuleTests(OfStores = true)]
    public async Task Rule(string id)
    {
        var result = await LogStoreRules.Get(id).RunAsync(harness).ConfigureAwait(false);
        if (result.IsSkipped)
            throw new RuleSkippedException(result.Message);
        result.ThrowIfFailed();
    }
}
