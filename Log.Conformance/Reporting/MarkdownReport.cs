using System.Globalization;
using System.Text;

namespace LogKit.Conformance.Reporting;

/// <summary>The report for pull requests and build logs.</summary>
internal static class MarkdownReport
{
    public static string Of(ReportContent content)
    {
        var text = new StringBuilder("# Conformance report\n\n");
        Add(text, $"{content.Kit} on {content.Created:yyyy-MM-dd HH:mm:ss} UTC, {content.Machine}. {content.Settings}".TrimEnd());
        Add(text, "\n| harness | passed | failed | deviates | skipped | capabilities |\n|---|--:|--:|--:|--:|---|");
        foreach (var harness in content.Harnesses)
        {
            Add(text, $"| {harness.Name} | {harness.Count(RuleOutcome.Passed)} | {harness.Count(RuleOutcome.Failed)} "
                + $"| {harness.Count(RuleOutcome.KnownDeviation)} | {harness.Count(RuleOutcome.Skipped)} | {harness.Capabilities} |");
        }

        foreach (var harness in content.Harnesses)
        {
            Add(text, $"\n## {harness.Name}\n\n{harness.Assembly}");
            foreach (var (cause, rules) in harness.SharedCauses)
                Add(text, $"\nProbably one mistake: {rules} ({cause})");
            foreach (var failure in harness.With(RuleOutcome.Failed))
            {
                Add(text, $"\n### {failure.Rule.Id} failed\n");
                foreach (var (part, isProgram) in FailureText.Parts(failure.Message!))
                    Add(text, isProgram ? $"```csharp\n{part}\n```" : $"```text\n{part}\n```");
            }

            foreach (var group in harness.Results.GroupBy(result => result.Rule.Chapter))
            {
                Add(text, $"\n### {group.Key}\n\n| rule | outcome | seconds | |\n|---|---|--:|---|");
                foreach (var result in group)
                {
                    var note = result.IsSkipped ? result.Message! : result.Rule.Statement;
                    Add(text, string.Create(
                        CultureInfo.InvariantCulture,
                        $"| {result.Rule.Id} | {FailureText.Name(result.Outcome)} | {result.Duration.TotalSeconds:0.00} | {Cell(note)} |"));
                }
            }
        }

        return text.ToString();
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");

    private static void Add(StringBuilder text, string line) => text.Append(line).Append('\n');
}
