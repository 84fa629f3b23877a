using System.Collections.Concurrent;
using System.Text;
using LogKit.Conformance;
using LogKit.Tests.Conformance.Broken;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance;

/// <summary>Runs last and alone, because broken logs are also detected by timeouts.</summary>
[CollectionDefinition(nameof(Matrix), DisableParallelization = true)]
public sealed class MatrixRunsAlone : ICollectionFixture<Matrix>;

/// <summary>
/// Runs every rule on every broken log, and on a correct one.
/// </summary>
public sealed class Matrix : IAsyncLifetime
{
    // Whether these rules find a log that is broken in another way depends on luck, or takes long. They run on their own mutants.
    internal static readonly HashSet<string> Specialized =
    [
        "APPEND-11",
        "APPEND-12",
        "ATOM-01",
        "ATOM-02",
        "BOUND-08",
        "BOUND-09",
        "CANCEL-02",
        "CONC-01",
        "CONC-02",
        "CONC-03",
        "CONC-04",
        "CONC-05",
        "CONC-06",
        "CONC-07",
        "CONC-08",
        "DISP-05",
        "DUR-04",
        "ERR-01",
        "NET-01",
        "NET-02",
        "NET-03",
        "NET-04",
        "NET-05",
        "READ-08",
        "READ-09",
        "RES-01",
        "RES-02",
        "RES-03",
        "RES-04",
        "RET-05",
        "WAIT-03",
        "WAIT-04",
    ];

    private readonly ConcurrentDictionary<(string Mutant, LogRule Rule), RuleResult> _results = [];
    private readonly TimeSpan _timeout = new BrokenHarness(Mutants.Sound).Timeout;

    /// <summary>Whether the rule runs on the broken log. What the random programs find of a broken connection depends on luck.</summary>
    internal static bool IsRun(Mutant mutant, LogRule rule) =>
        mutant.Rule == rule.Id || !(Specialized.Contains(rule.Id) || (mutant.Connect is not null && rule.Id == "MODEL-01"));

    internal RuleResult ResultOf(Mutant mutant, LogRule rule) => _results[(mutant.Name, rule)];

    public async Task InitializeAsync()
    {
        // Not beside logs that block threads.
        await Parallel.ForEachAsync(LogRules.All, async (rule, _) => await RunAsync(Mutants.Sound, rule));
        await Parallel.ForEachAsync(
            from mutant in Mutants.All
            from rule in LogRules.All
            where IsRun(mutant, rule)
            select (mutant, rule),
            new ParallelOptions { MaxDegreeOfParallelism = 32 }, // most of the time is waiting
            async (pair, _) => await RunAsync(pair.mutant, pair.rule));

        // Among 32, some of which block threads, the limit of a rule may expire before that of the call that hangs, and the rule then seems
        // to have found what it only waited for. What ended by time is run again, among few.
        await Parallel.ForEachAsync(
            from mutant in Mutants.All
            from rule in LogRules.All
            where IsRun(mutant, rule) && mutant.Rule != rule.Id
            let result = ResultOf(mutant, rule)
            where result.Violation is { Violation: RuleViolation.Broken } && result.Duration >= _timeout
            select (mutant, rule),
            new ParallelOptions { MaxDegreeOfParallelism = 12 },
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

    /// <summary>Measured with <c>LOGKIT_EFFORT=100</c>.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public async Task Every_broken_log_is_found_in_99_of_100_runs(string name)
    {
        var mutant = Mutants.All.Single(mutant => mutant.Name == name);
        var missed = 0;
        await Parallel.ForAsync(
            1,
            TestSeed.Effort,
            new ParallelOptions { MaxDegreeOfParallelism = mutant.Races ? 1 : 8 }, // most of the time is waiting
            async (_, _) =>
            {
                await using var harness = new BrokenHarness(mutant);
                if ((await SuiteRunner.RunAsync(LogRules.Get(mutant.Rule), harness)).Outcome is not RuleOutcome.Failed)
                    Interlocked.Increment(ref missed);
            });
        Assert.True(missed <= TestSeed.Effort / 100, $"a log that {name} is missed in {missed} of {TestSeed.Effort} runs");
    }

    [Fact]
    public void Every_rule_finds_a_log_that_is_broken_in_its_way() => Assert.Equal(
        LogRules.Ids.Order(StringComparer.Ordinal), Mutants.All.Select(mutant => mutant.Rule).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void No_rule_fails_by_anything_but_its_own_violation()
    {
        foreach (var mutant in Mutants.All)
        {
            foreach (var rule in LogRules.All.Where(rule => Matrix.IsRun(mutant, rule)))
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
        var specialized = string.Join(", ", Matrix.Specialized.Order(StringComparer.Ordinal));
        text.AppendLine($"Specialized rules run on their own broken logs only: {specialized}.");
        foreach (var mutant in Mutants.All)
        {
            var others = LogRules
                .All.Where(rule => rule.Id != mutant.Rule && Matrix.IsRun(mutant, rule) && IsKilled(mutant, rule))
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
