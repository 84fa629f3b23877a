using LogKit.Conformance;
using LogKit.Conformance.Reporting;
using LogKit.Tests.Conformance.Broken;

namespace LogKit.Tests.Conformance;

/// <summary>The outcomes of rules: skips, failures, known deviations, and what the console run makes of them.</summary>
public sealed class ResultTests
{
    private static readonly KnownDeviation Deviation = new("APPEND-01", "offsets start at one", new Uri("https://example.com/issues/7"));

    [Fact]
    public async Task A_known_deviation_is_run_and_must_fail()
    {
        await using var harness = new DeviatingHarness(BrokenLog("starts at one"), Deviation);
        var result = await LogRules.Get("APPEND-01").RunAsync(harness);
        Assert.Equal(RuleOutcome.KnownDeviation, result.Outcome);
        Assert.True(result.IsSkipped);
        Assert.Equal(
            "APPEND-01 is a known deviation: offsets start at one, see https://example.com/issues/7", result.Message);
        Assert.StartsWith("APPEND-01 is broken: ", result.Violation?.Message, StringComparison.Ordinal);
        result.ThrowIfFailed();
    }

    [Fact]
    public async Task A_known_deviation_that_passes_fails_until_it_is_removed()
    {
        await using var harness = new DeviatingHarness(Mutants.Sound, Deviation);
        var result = await LogRules.Get("APPEND-01").RunAsync(harness);
        Assert.Equal(RuleOutcome.Failed, result.Outcome);
        Assert.EndsWith("but the rule passes: remove it", result.Message, StringComparison.Ordinal);
        Assert.Throws<RuleViolationException>(result.ThrowIfFailed);
    }

    [Fact]
    public async Task A_deviation_from_what_is_not_a_rule_is_reported()
    {
        await using var harness = new DeviatingHarness(Mutants.Sound, new KnownDeviation("APPEND-1", "misspelled"));
        var result = await LogRules.Get("HARNESS-01").RunAsync(harness);
        Assert.Contains("it declares a deviation from APPEND-1, which is not a rule", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_undeclared_capabilities_are_reported_at_once()
    {
        await using var harness = new BrokenHarness(
            Mutants.Sound with { Undeclared = LogCapabilities.Faults | LogCapabilities.SecondClient | LogCapabilities.Truncate });
        var result = await LogRules.Get("HARNESS-01").RunAsync(harness);
        foreach (var capability in (string[])["Faults", "SecondClient", "Truncate"])
            Assert.Contains($"it does not declare {capability}, although", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_that_blocks_its_caller_fails_the_rule_and_does_not_hang_the_run()
    {
        await using var harness = new BrokenHarness(new Mutant("blocks", "WAIT-02", log => new BlocksTheCallerOfAWait(log)));
        var result = await LogRules.Get("WAIT-02").RunAsync(harness);
        Assert.Equal(RuleOutcome.Failed, result.Outcome);
        Assert.Contains(
            "log.WaitForAppendAsync(1): has not ended\n  expected the call to return", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_id_is_refused()
    {
        var exception = Assert.Throws<ArgumentException>(() => LogRules.Get("X-1"));
        Assert.StartsWith("no rule has the id 'X-1'", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("15 passed, 0 failed, 1 skipped, of 16 rules", "append", "read-01", "BOUND-05", "LIMIT-01")]
    [InlineData("1 passed, 0 failed, 6 skipped, of 7 rules", "Durability", "DISP-01")]
    public async Task The_console_run_selects_rules(string summary, params string[] arguments)
    {
        var (code, output, errors) = await RunAsync(new InMemoryHarness(), arguments);
        Assert.Equal((0, ""), (code, errors));
        Assert.EndsWith($"InMemoryHarness: {summary}\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_console_run_lists_rules()
    {
        var (code, output, _) = await RunAsync(new InMemoryHarness(), "--list");
        Assert.Equal(0, code);
        Assert.Equal(LogRules.Ids, output.TrimEnd().Split('\n').Select(line => line.Split(' ')[0]));
    }

    [Fact]
    public async Task The_console_run_prints_failures_and_exits_with_1()
    {
        var (code, output, _) = await RunAsync(new DeviatingHarness(BrokenLog("starts at one"), Deviation), "APPEND-01", "APPEND-03");
        Assert.Equal(1, code);
        Assert.Contains("\nAPPEND-03 is broken: ", output, StringComparison.Ordinal);
        Assert.Contains("deviates", output, StringComparison.Ordinal);
        Assert.EndsWith("0 passed, 1 failed, 0 skipped, 1 deviates, of 2 rules\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_console_run_refuses_what_selects_nothing()
    {
        var (code, output, errors) = await RunAsync(new InMemoryHarness(), "APPEND-01", "APEND");
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith("error: 'APEND' is neither an id, nor the beginning of an id, nor a chapter; ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_console_run_shows_its_help()
    {
        var (code, output, _) = await RunAsync(new InMemoryHarness(), "--help");
        Assert.Equal(0, code);
        Assert.Contains("--list", output, StringComparison.Ordinal);
    }

    private static Mutant BrokenLog(string name) => Mutants.All.Single(mutant => mutant.Name == name);

    private static async Task<(int ExitCode, string Output, string Errors)> RunAsync(LogHarness harness, params string[] arguments)
    {
        await using var disposed = harness;
        using var output = new StringWriter { NewLine = "\n" };
        using var errors = new StringWriter { NewLine = "\n" };
        var code = await new ConsoleRun(harness, output, errors, isTerminal: false).RunAsync(arguments);
        return (code, output.ToString(), errors.ToString());
    }

    private sealed class DeviatingHarness(Mutant mutant, params KnownDeviation[] deviations) : BrokenHarness(mutant)
    {
        public override IReadOnlyList<KnownDeviation> Deviations => deviations;
    }
}
