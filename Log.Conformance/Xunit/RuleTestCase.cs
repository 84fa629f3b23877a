using System.ComponentModel;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace LogKit.Conformance.Xunit;

/// <summary>
/// A test that may find, when it runs, that it does not apply. xunit 2 does not support that, so the exception with which the test reports
/// it is converted to a skip.
/// </summary>
public sealed class RuleTestCase : XunitTestCase
{
    /// <summary>For deserialization only.</summary>
    [EditorBrowsable(EditorBrowsableState.Never)]
    [Obsolete("For deserialization only.")]
    public RuleTestCase()
    {
    }

    internal RuleTestCase(IMessageSink diagnostics, TestMethodDisplay display, TestMethodDisplayOptions displayOptions, ITestMethod method)
        : base(diagnostics, display, displayOptions, method)
    {
    }

    /// <inheritdoc/>
    public override async Task<RunSummary> RunAsync(
        IMessageSink diagnosticMessageSink,
        IMessageBus messageBus,
        object[] constructorArguments,
        ExceptionAggregator aggregator,
        CancellationTokenSource cancellationTokenSource)
    {
        if (constructorArguments.OfType<LogHarness>().FirstOrDefault() is { } harness && ReasonToSkip(harness) is { } reason)
        {
            // Runners show the name of a skipped test, but most do not show the reason, so the name includes it.
            return await new XunitTestCaseRunner(
                this,
                $"{DisplayName}: {reason}",
                reason,
                constructorArguments,
                TestMethodArguments,
                messageBus,
                aggregator,
                cancellationTokenSource
            ).RunAsync();
        }

        using var bus = new SkippingBus(messageBus);
        var summary = await base.RunAsync(diagnosticMessageSink, bus, constructorArguments, aggregator, cancellationTokenSource);
        summary.Failed -= bus.SkippedCount;
        summary.Skipped += bus.SkippedCount;
        return summary;
    }

    private string? ReasonToSkip(LogHarness harness)
    {
        var rule = TestMethod.Method.GetCustomAttributes(typeof(RuleAttribute)).First();
        return RuleSkippedException.ReasonFor(
            (string)rule.GetConstructorArguments().First(), rule.GetNamedArgument<LogCapabilities>(nameof(RuleAttribute.Needs)), harness);
    }

    private sealed class SkippingBus(IMessageBus inner) : IMessageBus
    {
        public int SkippedCount { get; private set; }

        public bool QueueMessage(IMessageSinkMessage message)
        {
            if (message is not TestFailed failed || !failed.ExceptionTypes.Contains(typeof(RuleSkippedException).FullName))
                return inner.QueueMessage(message);
            SkippedCount++;
            return inner.QueueMessage(new TestSkipped(failed.Test, failed.Messages[0]));
        }

        public void Dispose()
        {
            // The inner bus belongs to the runner.
        }
    }
}

/// <summary>Thrown if a rule does not apply to a log.</summary>
internal sealed class RuleSkippedException(string reason) : Exception(reason)
{
    /// <summary>Why a rule does not apply to the logs of a harness; null if it does.</summary>
    public static string? ReasonFor(string rule, LogCapabilities needs, LogHarness harness) =>
        harness.ReasonToSkip is { } reason ? $"{rule} {reason}"
        : (needs & ~harness.Capabilities) is not LogCapabilities.None and var missing
            ? $"{rule} needs a log with the capability {missing}, which {harness.GetType().Name} does not declare" : null;
}
