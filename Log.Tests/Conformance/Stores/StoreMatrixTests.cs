using LogKit.Conformance;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance.Stores;

/// <summary>Runs alone, because broken stores are also detected by timeouts.</summary>
[CollectionDefinition(nameof(StoreMatrix), DisableParallelization = true)]
public sealed class StoreMatrix;

/// <summary>Tests the suite for stores itself: it passes a correct store, and each rule detects the stores that break it.</summary>
[Collection(nameof(StoreMatrix))]
public sealed class StoreMatrixTests
{
    public static TheoryData<string> Names => [.. StoreMutants.All.Select(mutant => mutant.Name)];

    [Fact]
    public async Task A_sound_store_passes_every_rule_and_none_is_skipped()
    {
        await using var harness = new BrokenStoreHarness(StoreMutants.Sound);
        foreach (var rule in LogStoreRules.All)
        {
            var result = await rule.RunAsync(harness);
            Assert.True(result.Outcome is RuleOutcome.Passed, $"{result}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Every_broken_store_is_found_by_the_rule_meant_for_it(string name)
    {
        var mutant = StoreMutants.All.Single(mutant => mutant.Name == name);
        for (var run = 0; run < TestSeed.Effort; run++)
        {
            await using var harness = new BrokenStoreHarness(mutant);
            var result = await LogStoreRules.Get(mutant.Rule).RunAsync(harness);
            Assert.True(
                result.Violation is { Violation: RuleViolation.Broken } && result.Violation.Rule == mutant.Rule,
                $"{mutant.Rule} does not find a store that {name}: {result.Outcome} {result.Message}");
        }
    }

    [Fact]
    public void Every_rule_finds_a_store_that_is_broken_in_its_way() => Assert.Equal(
        LogStoreRules.Ids.Order(StringComparer.Ordinal),
        StoreMutants.All.Select(mutant => mutant.Rule).Distinct().Order(StringComparer.Ordinal));
}
