using System.Text.Json;
using LogKit.Conformance;
using LogKit.Conformance.Reporting;
using LogKit.Tests.Conformance.Broken;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance;

/// <summary>What <c>LOGKIT_REPORT</c> writes.</summary>
public sealed class ReportTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_report_for_programs_has_each_rule_with_its_outcome_and_names_the_histories()
    {
        await WriteAsync();
        using var report = JsonDocument.Parse(await File.ReadAllTextAsync(_directory["report.json"]));
        Assert.Equal(JsonReport.Version, report.RootElement.GetProperty("version").GetInt32());
        var broken = report.RootElement.GetProperty("harnesses").EnumerateArray()
            .Single(harness => harness.GetProperty("name").GetString() == nameof(StaleHarness));
        Assert.Equal(["2", "2", "1"], ((string[])["passed", "failed", "deviations"]).Select(name => broken.GetProperty(name).GetRawText()));
        Assert.Contains("Truncate", broken.GetProperty("capabilities").EnumerateArray().Select(capability => capability.GetString()));
        var rules = broken.GetProperty("rules").EnumerateArray().ToDictionary(rule => rule.GetProperty("id").GetString()!);
        Assert.Equal("passed", rules["APPEND-01"].GetProperty("outcome").GetString());
        Assert.Equal("knownDeviation", rules["APPEND-09"].GetProperty("outcome").GetString());
        Assert.Equal("ranges are cached", rules["APPEND-09"].GetProperty("deviation").GetProperty("reason").GetString());
        var failure = rules["CONC-01"];
        Assert.Equal("failed", failure.GetProperty("outcome").GetString());
        Assert.StartsWith("LOGKIT_SEED=", failure.GetProperty("seed").GetString(), StringComparison.Ordinal);
        Assert.StartsWith("CONC-01 is broken: ", failure.GetProperty("message").GetString(), StringComparison.Ordinal);

        var calls = await File.ReadAllLinesAsync(_directory[failure.GetProperty("history").GetString()!]);
        using var header = JsonDocument.Parse(calls[0]);
        Assert.Equal("CONC-01", header.RootElement.GetProperty("rule").GetString());
        Assert.True(header.RootElement.GetProperty("isComplete").GetBoolean());
        var kinds = calls[1..].Select(line => JsonDocument.Parse(line).RootElement.GetProperty("call").GetString()).ToHashSet();
        Assert.Superset(new HashSet<string?> { "append", "read", "range" }, kinds);
    }

    [Fact]
    public async Task The_report_for_reviews_has_a_table_and_each_failing_program_as_CSharp()
    {
        await WriteAsync();
        var report = await File.ReadAllTextAsync(_directory["report.md"]);
        Assert.Contains($"| {nameof(StaleHarness)} | 2 | 2 | 1 | 0 | ", report, StringComparison.Ordinal);
        Assert.Matches("### MODEL-01 failed\n\n```text\nMODEL-01 is broken: .*\n(.*\n)*?```\n```csharp\nawait using var harness", report);
        Assert.Contains("| APPEND-09 | deviates | ", report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_report_for_people_is_one_file_without_scripts_and_draws_the_history()
    {
        await WriteAsync();
        var html = await File.ReadAllTextAsync(_directory["report.html"]);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotMatch("(src|href)=\"https?:", html);
        Assert.Equal(1, Occurrences("<svg class=\"history\""));
        Assert.Equal(1, Occurrences("<g class=\"misfit"));
        Assert.Contains("This call fits nowhere in it: <code>", html, StringComparison.Ordinal);
        Assert.Contains("client 2</text>", html, StringComparison.Ordinal);
        Assert.Contains("<pre class=\"program\"><code>await using var harness", html, StringComparison.Ordinal);

        int Occurrences(string text) => html.Split(text).Length - 1;
    }

    [Fact]
    public async Task What_a_log_says_cannot_break_out_of_the_page()
    {
        var report = new Report(_directory.Path);
        var harness = new BrokenHarness(Mutants.Sound);
        var violation = new RuleViolationException("APPEND-01", "got <img src=x onerror=alert(1)>");
        report.Add(harness, new RuleResult(LogRules.Get("APPEND-01"), RuleOutcome.Failed, violation.Message) { Violation = violation });
        report.Flush();
        Assert.Contains(
            "got &lt;img src=x onerror=alert(1)&gt;", await File.ReadAllTextAsync(_directory["report.html"]), StringComparison.Ordinal);
        Assert.DoesNotContain("<img", await File.ReadAllTextAsync(_directory["report.html"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failures_that_share_a_cause_are_shown_together()
    {
        var report = new Report(_directory.Path);
        await using var harness = new BrokenHarness(Mutants.All.Single(mutant => mutant.Name == "throws its storage's exceptions"));
        foreach (var id in (string[])["BOUND-03", "ERR-01", "READ-01"])
            report.Add(harness, await LogRules.Get(id).RunAsync(harness));
        report.Flush();
        foreach (var page in (string[])["report.md", "report.html"])
        {
            var text = await File.ReadAllTextAsync(_directory[page]);
            Assert.Matches(
                $"Probably one mistake: BOUND-03, ERR-01 .*KeyNotFoundException at .*{nameof(ThrowsItsStoragesExceptions)}", text);
        }
    }

    [Fact]
    public async Task The_performance_sheet_has_a_figure_in_each_row_for_each_harness()
    {
        await using var memory = new InMemoryHarness();
        await using var disk = new DiskHarness();
        var table = await LogRules.MeasureAsync([("memory", memory), ("disk", disk)], TimeSpan.FromMilliseconds(10));
        var lines = table.TrimEnd().Split('\n');
        Assert.Equal("| | memory | disk |", lines[0]);
        Assert.Equal(10, lines.Length);
        Assert.All(lines[2..], line => Assert.Matches(@"^\| [^|]+ \| \d[\d.,]* \| \d[\d.,]* \|$", line));
    }

    [ChromiumTheory]
    [InlineData(1280)]
    [InlineData(500)]
    public async Task A_browser_shows_all_parts_of_the_report_in_a_wide_and_in_a_narrow_window(int width)
    {
        await WriteAsync();
        var screenshot = _directory[$"report-{width}.png"];
        string[] parts = ["body", "h1", "table.summary", "section.failure", "svg.history", "g.misfit rect", "pre.program", "table.rules"];
        var boxes = await Chromium.RenderAsync(_directory["report.html"], width, screenshot, _directory["profile"], parts);
        Assert.True(new FileInfo(screenshot).Length > 20_000, "the screenshot is nearly empty");
        foreach (var part in parts)
        {
            var (left, right, height) = boxes[part];
            Assert.True(height > 0 && left >= 0 && right > left, $"{part} is not visible: {left} to {right}, {height} high");
        }

        Assert.True(boxes["body"].Right <= width, $"the page is {boxes["body"].Right} wide in a window of {width}");
    }

    private async Task WriteAsync()
    {
        var report = new Report(_directory.Path);
        await using var stale = new StaleHarness();
        foreach (var id in (string[])["APPEND-01", "APPEND-02", "APPEND-09", "CONC-01", "MODEL-01"])
            report.Add(stale, await LogRules.Get(id).RunAsync(stale));
        await using var sound = new BrokenHarness(Mutants.Sound);
        report.Add(sound, await LogRules.Get("APPEND-01").RunAsync(sound));
        report.Flush();
    }

    private sealed class StaleHarness() : BrokenHarness(new Mutant(
        "reads stale ranges", "CONC-01", log => new RefusesEveryExpectation(new TellsAStaleRangeNowAndThen(log))))
    {
        public override IReadOnlyList<KnownDeviation> Deviations => [new("APPEND-09", "ranges are cached")];
    }
}
