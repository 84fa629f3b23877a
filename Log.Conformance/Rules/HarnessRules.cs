using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules HARNESS-xx: a harness declares all its capabilities, and no deviation from a rule that does not exist.</summary>
internal static class HarnessRules
{
    [Rule(
        "HARNESS-01",
        "A harness declares everything that its log can do.",
        Why = "A rule that is skipped because a capability is not declared proves nothing.",
        Without = "A suite passes because it did not test.")]
    public static async Task HARNESS_01_the_harness_declares_what_the_log_can_do(RuleRun run)
    {
        var problems = new List<string>();
        var log = await run.OpenAsync();
        await log.AppendBatchAsync(Batches.Of("a"));
        Undeclared(LogCapabilities.Truncate, log is ITruncatableLog, $"its log is an {nameof(ITruncatableLog)}");
        await ProbeAsync(LogCapabilities.SecondClient, () => run.OpenSecondClientAsync());
        await ProbeAsync(LogCapabilities.SeededStart, () => run.OpenAtAsync(1000, "seeded"));
        await ProbeAsync(LogCapabilities.Faults, async () =>
        {
            await run.BreakStorageAsync();
            await run.HealStorageAsync();
        });
        await ProbeAsync(LogCapabilities.Disconnect, async () =>
        {
            await run.DisconnectAsync();
            await run.ReconnectAsync();
        });
        await ProbeAsync(LogCapabilities.Crash, async () =>
        {
            await run.OpenAsync("crashed");
            await run.CrashAsync("crashed");
        });
        await ProbeAsync(LogCapabilities.Damage, async () =>
        {
            await run.OpenAsync("damaged");
            await run.CloseAsync("damaged");
            await run.GetStoredBytesAsync("damaged");
        });
        if (!IsDeclared(LogCapabilities.Limits))
        {
            var limit = run.Harness.BatchLimitBytes;
            Undeclared(LogCapabilities.Limits, await RefusesBatchAsync(log, limit + 1), $"its log refuses a batch of {limit + 1} bytes");
        }

        if (!IsDeclared(LogCapabilities.Reopen))
            Undeclared(LogCapabilities.Reopen, await IsFoundAgainAsync(run), "its log has its records when it is reopened");
        foreach (var capability in (LogCapabilities[])[LogCapabilities.Crash, LogCapabilities.Damage])
        {
            if (IsDeclared(capability) && !IsDeclared(LogCapabilities.Reopen))
                problems.Add($"it declares {capability} without {LogCapabilities.Reopen}, which the rules for it need, too");
        }

        foreach (var deviation in run.Harness.Deviations.Where(deviation => !IsRule(deviation.Rule)))
            problems.Add($"it declares a deviation from {deviation.Rule}, which is not a rule");
        run.Check.True(problems.Count == 0, $"{run.Harness.GetType().Name}: {string.Join("; ", problems)}");

        // What a harness does not support throws NotSupportedException. Any other outcome means that it supports it.
        async Task ProbeAsync(LogCapabilities capability, Func<Task> use)
        {
            if (IsDeclared(capability))
                return;
            using var probing = run.History.Pause(); // it is not the program that shows a problem
            try
            {
                await use();
            }
            catch (NotSupportedException)
            {
                return;
            }

            Undeclared(capability, isThere: true, "it can do it");
        }

        void Undeclared(LogCapabilities capability, bool isThere, string evidence)
        {
            if (isThere && !IsDeclared(capability))
                problems.Add($"it does not declare {capability}, although {evidence}: declare it, so that the rules for it run");
        }

        bool IsDeclared(LogCapabilities capability) => run.Harness.Capabilities.HasFlag(capability);
    }

    [Rule(
        "HARNESS-02",
        "What a log stores after a crash is not there when it is opened again.",
        Why = "A crash that does not happen proves nothing.",
        Without = "The rules about crashes pass because nothing ever crashed.",
        Needs = LogCapabilities.Reopen | LogCapabilities.Crash)]
    public static async Task HARNESS_02_a_crash_has_an_effect(RuleRun run)
    {
        var log = await run.OpenAsync();
        await log.AppendBatchAsync(Batches.Of("before the crash"));
        await run.CrashOnlyAsync();
        var isAcknowledged = await IsAcknowledgedAsync(log);
        await run.CrashAsync();
        log = await run.OpenAsync();
        var stored = (await LogContent.OfAsync(log)).SelectMany(entry => entry.Batch).Select(record => record.ToString());
        run.Check.True(
            !isAcknowledged || !stored.Contains("after the crash"),
            $"{run.Harness.GetType().Name}.{nameof(LogHarness.CrashAsync)} has no effect: an append to the crashed log succeeded, and is "
                + "found when the log is opened again");
    }

    private static async Task<bool> IsAcknowledgedAsync(ILog crashed)
    {
        try
        {
            return await Steps.TryAppendAsync(crashed, Batches.Of("after the crash"));
        }
        catch (RuleViolationException)
        {
            return false; // a crashed log may do what it likes
        }
    }

    private static async Task<bool> RefusesBatchAsync(ILog log, int bytes)
    {
        try
        {
            await log.AppendBatchAsync(Batches.OfSize(bytes));
            return false;
        }
        catch (BatchTooLargeException)
        {
            return true;
        }
    }

    private static async Task<bool> IsFoundAgainAsync(RuleRun run)
    {
        try
        {
            var again = await run.ReopenAsync();
            return (await again.GetRangeAsync()).NextOffset > 0;
        }
        catch (Exception exception) when (exception is not RuleViolationException)
        {
            return false; // the harness opens each log once
        }
    }

    private static bool IsRule(string id) => (LogRules.Find(id) ?? LogStoreRules.Find(id)) is not null;
}
