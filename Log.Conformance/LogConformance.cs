using System.Runtime.CompilerServices;
using LogKit.Conformance.Running;
using LogKit.Conformance.Xunit;
using Xunit;

namespace LogKit.Conformance;

/// <summary>
/// The conformance suite. Inherit it in one line, and each rule of the catalogue is a test of your log:
/// <code>public sealed class MyLogConformance(MyHarness harness) : LogConformance&lt;MyHarness&gt;(harness);</code>
/// </summary>
/// <typeparam name="THarness">How to get at the log.</typeparam>
/// <remarks>The rules stand in the folder Rules, a file a chapter of RULES.md. Each runs on logs of its own.</remarks>
public abstract partial class LogConformance<THarness>(THarness harness) : IClassFixture<THarness>
    where THarness : LogHarness
{
    /// <summary>The harness that the rules use.</summary>
    protected THarness Harness { get; } = harness;

    /// <summary>Runs a rule on one log, which is new and empty.</summary>
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
