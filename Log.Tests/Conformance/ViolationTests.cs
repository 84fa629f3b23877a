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
    [InlineData("starts at one", "APPEND_01_the_first_append_to_an_empty_log_returns_0")]
    [InlineData("bleeds into the next batch", "READ_03_a_read_never_crosses_into_the_next_batch")]
    [InlineData("blocks at the end", "BOUND_01_reading_the_next_offset_is_out_of_range")]
    [InlineData("waits for the next append always", "WAIT_01_waiting_for_what_is_there_ends_at_once")]
    [InlineData("throws its storage's exceptions", "BOUND_03_reading_an_empty_log_is_out_of_range")]
    [InlineData("refuses a torn tail", "DUR_05_a_last_batch_cut_at_any_byte_leaves_the_batches_before_it")]
    [InlineData("says nothing of crashes", "HARNESS_01_what_the_log_can_do_is_declared")]
    public async Task Message(string log, string rule)
    {
        await using var harness = new BrokenHarness(Mutants.All.Single(mutant => mutant.Name == log));
        var violation = Assert.IsType<RuleViolationException>(
            await SuiteRunner.RunAsync(SuiteRunner.Methods.Single(method => method.Name == rule), harness));
        await Verify(violation.Message.ReplaceLineEndings("\n")).UseParameters(FileNameOf(log), rule.Split('_')[0]);
    }

    [Theory]
    [InlineData("compares expectations with the count")]
    [InlineData("reads what was truncated")]
    [InlineData("reverses large batches")]
    public async Task A_random_program_is_shrunk_to_what_matters(string log)
    {
        var harness = new BrokenHarness(Mutants.All.Single(mutant => mutant.Name == log));
        await using var run = new RuleRun("MODEL-01", "random programs behave like the model", harness);
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
        var skipped = await SuiteRunner.RunAsync(
            SuiteRunner.Methods.Single(method => method.Name.StartsWith("DUR_03", StringComparison.Ordinal)), harness);
        Assert.Equal("DUR-03 needs a log with the capability Reopen, Crash, which InMemoryHarness does not declare", skipped?.Message);
    }

    [Fact]
    public void A_seed_means_the_same_in_every_process() => Assert.Equal([408478415, 2045505517], [Seeds.Mix(1, 2), Seeds.Mix(2, 1)]);

    private static string FileNameOf(string text) => Spaces().Replace(text, "_");

    [GeneratedRegex("[ ']+", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Spaces();
}
