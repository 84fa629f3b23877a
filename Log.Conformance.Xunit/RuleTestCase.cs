using System.ComponentModel;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace LogKit.Conformance.Xunit;

/// <summary>
/// A rule as a test, with the method of the rule as its name. It may find, when it runs, that it does not apply. xunit 2 does not support
/// that, so the exception with which it reports that is converted to a skip.
/// </summary>
public sealed class RuleTestCase : XunitTestCase
{
    /// <summary>For deserialization only.</summary>
    [EditorBrowsable(EditorBrowsableState.Never)]
    [Obsolete("For deserialization only.")]
    public RuleTestCase()
    {
    }

    internal RuleTestCase(
        IMessageSink diagnostics, TestMethodDisplay display, TestMethodDisplayOptions displayOptions, ITestMethod method, string rule)
        : base(diagnostics, display, displayOptions, method, [rule])
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
        if (constructorArguments.OfType<LogHarness>().FirstOrDefault() is { } harness && Rule.ReasonToSkip(harness) is { } reason)
        {
            // Runners show the name of a skipped test, but most do not show the reason, so the name includes it.
            var name = $"{DisplayName}: {reason}";
            return await new XunitTestCaseRunner(
                this, name, reason, constructorArguments, TestMethodArguments, messageBus, aggregator, cancellationTokenSource)
                .RunAsync().ConfigureAwait(false);
        }

        using var bus = new SkippingBus(messageBus);
        var summary = await base.RunAsync(diagnosticMessageSink, bus, constructorArguments, aggregator, cancellationTokenSource)
            .ConfigureAwait(false);
        summary.Failed -= bus.SkippedCount;
        summary.Skipped += bus.SkippedCount;
        return summary;
    }

    private LogRule Rule
    {
        get
        {
            var id = (string)TestMethodArguments[0];
            return LogStoreRules.Ids.Contains(id) ? LogStoreRules.Get(id) : LogRules.Get(id);
        }
    }

    /// <inheritdoc/>
    protected override string GetDisplayName(IAttributeInfo factAttribute, string displayName) =>
        $"{TestMethod.TestClass.Class.Name}.{Rule.Method}";

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

/// <summary>Thrown if a rule does not apply to a log, or is a known deviation of it.</summary>
internal sealed class RuleSkippedException(string? reason) : Exception(reason);
