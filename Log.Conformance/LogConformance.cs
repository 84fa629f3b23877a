using System.Runtime.CompilerServices;
using LogKit.Conformance.Running;
using LogKit.Conformance.Xunit;
using Xunit;

namespace LogKit.Conformance;

/// <summary>
/// The conformance suite. Inherit it in one line, and each rule of the catalog becomes a test of your log:
/// <code>public sealed class MyLogConformance(MyHarness harness) : LogConformance&lt;MyHarness&gt;(harness);</code>
/// </summary>
/// <typeparam name="THarness">Gives the suite access to the log.</typeparam>
/// <remarks>The rules are in the folder Rules, one file per chapter of RULES.md. Each rule uses its own logs.</remarks>
public abstract partial class LogConformance<THarness>(THarness harness) : IClassFixture<THarness>
    where THarness : LogHarness
{
    /// <summary>The harness that the rules use.</summary>
    protected THarness Harness { get; } = harness;

    /// <summary>Runs a rule on a new, empty log.</summary>
    private Task RuleAsync(Func<ILog, Check, Task> rule, [CallerMemberName] string method = "") =>
        RuleAsync(async run => await rule(await run.OpenAsync(), run.Check), method);

    private async Task RuleAsync(Func<RuleRun, Task> rule, [CallerMemberName] string method = "")
    {
        var attribute = (RuleAttribute)Attribute.GetCustomAttribute(GetType().GetMethod(method)!, typeof(RuleAttribute))!;
        if (RuleSkippedException.ReasonFor(attribute.Id, attribute.Needs, Harness) is { } reason)
            throw new RuleSkippedException(reason);
        await using var run = new RuleRun(attribute.Id, StatementOf(method, attribute.Id), Harness);
        await run.RunAsync(rule);
    }

    private static string StatementOf(string method, string id) => method[(id.Length + 1)..].Replace('_', ' ');
}
