using System.Reflection;
using LogKit.Conformance;

namespace LogKit.Tests.Conformance.Broken;

/// <summary>Runs individual rules outside of the test runner, and returns their outcomes.</summary>
internal sealed class SuiteRunner
{
    public static IReadOnlyList<MethodInfo> Methods { get; } =
    [
        .. typeof(Suite)
            .GetMethods()
            .Where(method => method.GetCustomAttribute<RuleAttribute>() is not null)
            .OrderBy(method => method.Name, StringComparer.Ordinal),
    ];

    public static string RuleOf(MethodInfo method) => method.GetCustomAttribute<RuleAttribute>()!.Id;

    /// <summary>The exception with which a rule fails; null if it passes.</summary>
    public static async Task<Exception?> RunAsync(MethodInfo rule, LogHarness harness)
    {
        try
        {
            await ((Task)rule.Invoke(new Suite(harness), null)!).WaitAsync(TimeSpan.FromMinutes(1));
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    // Not public, so that the runner does not take it for tests.
    private sealed class Suite(LogHarness harness) : LogConformance<LogHarness>(harness);
}
