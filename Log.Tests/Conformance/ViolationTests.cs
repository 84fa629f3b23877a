using System.Text.RegularExpressions;
using LogKit.Conformance;
using LogKit.Conformance.Model;
using LogKit.Conformance.Running;
using LogKit.Tests.Conformance.Broken;

namespace LogKit.Tests.Conformance;

/// <summary>The message of a failure: the rule, the expected and actual outcome, the last operations as a program, and the seed.</summary>
[UsesVerify]
public sealed partial class ViolationTests
{
    [Theory]
    [InlineData("starts at one", "APPEND-01")]
    [InlineData("bleeds into the next batch", "READ-03")]
    [InlineData("blocks at the end", "BOUND-01")]
    [InlineData("waits for the next append always", "WAIT-01")]
    [InlineData("throws its storage's exceptions", "BOUND-03")]
    [InlineData("refuses a torn tail", "DUR-05")]
    [InlineData("says nothing of crashes", "HARNESS-01")]
    public async Task Message(string log, string rule)
    {
        await using var harness = new BrokenHarness(Mutants.All.Single(mutant => mutant.Name == log));
        var result = await SuiteRunner.RunAsync(LogRules.Get(rule), harness);
        Assert.Equal(RuleOutcome.Failed, result.Outcome);
        await Verify(result.Message!.ReplaceLineEndings("\n")).UseParameters(FileNameOf(log), rule);
    }

    [Theory]
    [InlineData("compares expectations with the count")]
    [InlineData("reads what was truncated")]
    [InlineData("reverses large batches")]
    [InlineData("forgets truncation in a fault")]
    public async Task A_random_program_is_shrunk_to_what_matters(string log)
    {
        var harness = new BrokenHarness(Mutants.All.Single(mutant => mutant.Name == log));
        await using var run = new RuleRun(LogRules.Get("MODEL-01"), harness);
        var violation = await Assert.ThrowsAsync<RuleViolationException>(async () =>
        {
            for (var seed = 1; seed < 100; seed++)
                await ModelRun.TryAsync(run, seed, length: 60);
        });
        await Verify(violation.Message.ReplaceLineEndings("\n")).UseParameters(FileNameOf(log));
    }

    [Fact]
    public async Task A_rule_that_is_skipped_says_why()
    {
        await using var harness = new InMemoryHarness();
        var skipped = await LogRules.Get("DUR-03").RunAsync(harness);
        Assert.Equal(RuleOutcome.Skipped, skipped.Outcome);
        Assert.Equal("DUR-03 needs a log with the capability Reopen, Crash, which InMemoryHarness does not declare", skipped.Message);
    }

    [Fact]
    public void A_seed_means_the_same_in_every_process() => Assert.Equal([408478415, 2045505517], [Seeds.Mix(1, 2), Seeds.Mix(2, 1)]);

    private static string FileNameOf(string text) => Spaces().Replace(text, "_");

    [GeneratedRegex("[ ']+", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Spaces();
}
