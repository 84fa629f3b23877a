using LogKit.Conformance;

namespace LogKit.Tests.Conformance.Broken;

/// <summary>Runs individual rules, and says so if one does not end.</summary>
internal static class SuiteRunner
{
    public static Task<RuleResult> RunAsync(LogRule rule, LogHarness harness) => rule.RunAsync(harness).WaitAsync(TimeSpan.FromMinutes(1));
}
