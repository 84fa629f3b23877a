using System.Text.Json;

namespace LogKit.Conformance.Reporting;

/// <summary>The report for programs. REPORT.md documents the format; changes to it are additive, or change the version.</summary>
internal static class JsonReport
{
    public const int Version = 1;

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
    };

    public static string Of(ReportContent content) => JsonSerializer.Serialize(
        new
        {
            Version,
            content.Created,
            content.Kit,
            content.Machine,
            content.Settings,
            Harnesses = content.Harnesses.Select(harness => new
            {
                harness.Name,
                harness.Assembly,
                Capabilities = $"{harness.Capabilities}".Split(", "),
                Passed = harness.Count(RuleOutcome.Passed),
                Failed = harness.Count(RuleOutcome.Failed),
                Skipped = harness.Count(RuleOutcome.Skipped),
                Deviations = harness.Count(RuleOutcome.KnownDeviation),
                Rules = harness.Results.Select(result => new
                {
                    result.Rule.Id,
                    result.Rule.Chapter,
                    result.Rule.Statement,
                    Outcome = JsonNamingPolicy.CamelCase.ConvertName($"{result.Outcome}"),
                    Seconds = Math.Round(result.Duration.TotalSeconds, 3),
                    result.Message,
                    result.Violation?.Seed,
                    Cause = result.Outcome is RuleOutcome.Failed ? FailureText.CauseOf(result) : null,
                    Deviation = result.Deviation is { } deviation ? new { deviation.Reason, deviation.Link } : null,
                    History = result is { Outcome: RuleOutcome.Failed, Violation.History.Count: > 0 }
                        ? harness.HistoryFileOf(result) : null,
                }),
            }),
        },
        Options);
}
