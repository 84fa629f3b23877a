using System.Collections.Concurrent;
using System.Text;
using LogKit.Conformance;
using LogKit.Tests.Conformance.Broken;

namespace LogKit.Tests.Conformance;

/// <summary>Runs last and alone, because broken logs are also detected by timeouts.</summary>
[CollectionDefinition(nameof(Matrix), DisableParallelization = true)]
public sealed class MatrixRunsAlone : ICollectionFixture<Matrix>;

/// <summary>Runs every rule on every broken log, and on a correct one.</summary>
public sealed class Matrix : IAsyncLifetime
{
    private readonly ConcurrentDictionary<(string Mutant, LogRule Rule), RuleResult> _results = [];

    internal RuleResult ResultOf(Mutant mutant, LogRule rule) => _results[(mutant.Name, rule)];

    public async Task InitializeAsync()
    {
        await Parallel.ForEachAsync(
            from mutant in Mutants.All.Prepend(Mutants.Sound) from rule in LogRules.All select (mutant, rule),
            new ParallelOptions { MaxDegreeOfParallelism = 32 }, // most of the time is waiting
            async (pair, _) => await RunAsync(pair.mutant, pair.rule));

        // A rule gives a log a moment to do what it must not do. Among 32 the thread pool may not get to it within that moment; alone it
        // does.
        foreach (var mutant in Mutants.All)
        {
            if (ResultOf(mutant, LogRules.Get(mutant.Rule)).Outcome is RuleOutcome.Passed)
                await RunAsync(mutant, LogRules.Get(mutant.Rule));
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;

    private async Task RunAsync(Mutant mutant, LogRule rule)
    {
        await using var harness = new BrokenHarness(mutant);
        _results[(mutant.Name, rule)] = await SuiteRunner.RunAsync(rule, harness);
    }
}

/// <summary>Tests the suite itself: it passes a correct log, and each rule detects the logs that break it.</summary>
[UsesVerify]
[Collection(nameof(Matrix))]
public sealed class MatrixTests(Matrix matrix)
{
    // What these come to on a log that is broken elsewhere is a matter of luck, so that it is not in the snapshot.
    private static readonly HashSet<string> Racing =
    [
        "APPEND-11",
        "APPEND-12",
        "ATOM-01",
        "ATOM-02",
        "BOUND-08",
        "CANCEL-02",
        "CONC-01",
        "CONC-02",
        "CONC-03",
        "CONC-04",
        "CONC-05",
        "DUR-04",
        "ERR-01",
        "WAIT-03",
        "WAIT-04",
    ];

    public static TheoryData<string> Names => [.. Mutants.All.Select(mutant => mutant.Name)];

    [Fact]
    public void A_sound_log_passes_every_rule_and_none_is_skipped()
    {
        foreach (var rule in LogRules.All)
            Assert.True(matrix.ResultOf(Mutants.Sound, rule).Outcome is RuleOutcome.Passed, $"{matrix.ResultOf(Mutants.Sound, rule)}");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_broken_log_is_found_by_the_rule_meant_for_it(string name)
    {
        var mutant = Mutants.All.Single(mutant => mutant.Name == name);
        var result = matrix.ResultOf(mutant, LogRules.Get(mutant.Rule));
        Assert.True(
            result.Violation is { Violation: RuleViolation.Broken },
            $"{mutant.Rule} does not find a log that {name}: {result.Outcome} {result.Message}");
        Assert.Equal(mutant.Rule, result.Violation.Rule);
        Assert.StartsWith($"{mutant.Rule} is broken: ", result.Message, StringComparison.Ordinal);
        Assert.Contains("\n  the rule: ", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_rule_finds_a_log_that_is_broken_in_its_way() => Assert.Equal(
        LogRules.Ids.Order(StringComparer.Ordinal), Mutants.All.Select(mutant => mutant.Rule).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void No_rule_fails_by_anything_but_its_own_violation()
    {
        foreach (var mutant in Mutants.All)
        {
            foreach (var rule in LogRules.All)
            {
                var result = matrix.ResultOf(mutant, rule);
                Assert.True(
                    result.Outcome is RuleOutcome.Passed or RuleOutcome.Skipped || result.Violation?.Rule == rule.Id,
                    $"{rule} on a log that {mutant.Name}: {result}");
            }
        }
    }

    [Fact]
    public Task Which_rules_find_which_broken_logs()
    {
        var text = new StringBuilder();
        text.AppendLine("Broken logs, each with the rule meant for it, and other rules that find it.");
        text.AppendLine($"Rules that come upon it by luck are left out: {string.Join(", ", Racing.Order(StringComparer.Ordinal))}.");
        foreach (var mutant in Mutants.All)
        {
            var others = LogRules
                .All.Where(rule => rule.Id != mutant.Rule && !Racing.Contains(rule.Id) && IsKilled(mutant, rule))
                .Select(rule => rule.Id)
                .Order(StringComparer.Ordinal);
            var found = mutant.Races ? "(others by luck)" : string.Join(' ', others);
            text.AppendLine($"{mutant.Name,-46} {mutant.Rule,-10} {found}".TrimEnd());
        }

        return Verify(text.ToString().ReplaceLineEndings("\n").TrimEnd('\n'));
    }

    private bool IsKilled(Mutant mutant, LogRule rule) =>
        matrix.ResultOf(mutant, rule) is { Violation.Violation: RuleViolation.Broken };
}
