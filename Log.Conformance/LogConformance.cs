using System.Runtime.CompilerServices;
using LogKit.Conformance.Xunit;
using Xunit;

namespace LogKit.Conformance;

/// <summary>
/// The conformance suite. Inherit it in one line, and each rule of the catalogue is a test of your log:
/// <code>public sealed class MyLogConformance(MyHarness harness) : LogConformance&lt;MyHarness&gt;(harness);</code>
/// </summary>
/// <typeparam name="THarness">How to get at the log.</typeparam>
/// <remarks>The rules stand in the folder Rules, a file a chapter of the catalogue. Each runs on a log of its own.</remarks>
public abstract partial class LogConformance<THarness>(THarness harness) : IClassFixture<THarness>, IAsyncLifetime
    where THarness : LogHarness
{
    private readonly List<ILog> _opened = [];
    private string _name = "";

    /// <summary>The harness that the rules use.</summary>
    protected THarness Harness { get; } = harness;

    Task IAsyncLifetime.InitializeAsync() => Task.CompletedTask;

    async Task IAsyncLifetime.DisposeAsync()
    {
        foreach (var log in Enumerable.Reverse(_opened))
            await log.DisposeAsync();
    }

    /// <summary>Opens the rule's log, which is empty, and makes the checks that name the rule.</summary>
    private async Task<(ILog Log, Check Check)> StartAsync([CallerMemberName] string method = "")
    {
        var rule = (RuleAttribute)Attribute.GetCustomAttribute(GetType().GetMethod(method)!, typeof(RuleAttribute))!;
        var missing = rule.Needs & ~Harness.Capabilities;
        if (missing != LogCapabilities.None)
            throw new RuleSkippedException($"{rule.Id} needs a log with the capability {missing}, which {Harness.GetType().Name} does not declare");
        _name = $"{rule.Id.ToLowerInvariant()}-{Guid.NewGuid():N}";
        var log = await Harness.OpenAsync(_name);
        _opened.Add(log);
        return (log, new Check(rule.Id, Harness.Timeout));
    }

    private async Task<ILog> OpenSecondClientAsync()
    {
        var log = await Harness.OpenSecondClientAsync(_name);
        _opened.Add(log);
        return log;
    }
}
