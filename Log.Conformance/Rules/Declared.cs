// The rule HARNESS-01: a harness declares all its capabilities.

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("HARNESS-01")]
    public Task HARNESS_01_what_the_log_can_do_is_declared() =>
        RuleAsync(async run =>
        {
            var log = await run.OpenAsync();
            await log.AppendBatchAsync(Batches.Of("a"));
            Require(LogCapabilities.Truncate, log is not ITruncatableLog, $"its log is an {nameof(ITruncatableLog)}");
            await RequireUnsupportedAsync(LogCapabilities.SecondClient, async () => await run.OpenSecondClientAsync());
            await RequireUnsupportedAsync(LogCapabilities.SeededStart, async () => await run.OpenAtAsync(1000, "seeded"));
            await RequireUnsupportedAsync(LogCapabilities.Faults, async () =>
            {
                await run.BreakStorageAsync();
                await run.HealStorageAsync();
            });
            await RequireUnsupportedAsync(LogCapabilities.Crash, async () =>
            {
                await run.OpenAsync("crashed");
                await run.CrashAsync("crashed");
            });
            await RequireUnsupportedAsync(LogCapabilities.Damage, async () =>
            {
                await run.OpenAsync("damaged");
                await run.CloseAsync("damaged");
                await run.GetStoredBytesAsync("damaged");
            });
            if (!IsDeclared(LogCapabilities.Limits))
                Require(
                    LogCapabilities.Limits,
                    !await RefusesLargeBatchAsync(log),
                    $"its log refuses a batch of {Harness.BatchLimitBytes + 1} bytes");
            if (!IsDeclared(LogCapabilities.Reopen))
                Require(LogCapabilities.Reopen, !await IsFoundAgainAsync(run), "its log, disposed and opened again, holds what it held");
            foreach (var capability in (LogCapabilities[])[LogCapabilities.Crash, LogCapabilities.Damage])
            {
                run.Check.True(
                    !IsDeclared(capability) || IsDeclared(LogCapabilities.Reopen),
                    $"{Harness.GetType().Name} declares {capability} without {LogCapabilities.Reopen}, which its rules need, too");
            }

            // What a harness does not support throws NotSupportedException. Any other outcome means that it supports it.
            async Task RequireUnsupportedAsync(LogCapabilities capability, Func<Task> use)
            {
                if (IsDeclared(capability))
                    return;
                try
                {
                    await use();
                }
                catch (NotSupportedException)
                {
                    return;
                }

                Require(capability, isAbsent: false, "can do it");
            }

            void Require(LogCapabilities capability, bool isAbsent, string evidence) =>
                run.Check.True(
                    isAbsent || IsDeclared(capability),
                    $"{Harness.GetType().Name} does not declare {capability}, but {evidence}: declare it, so that its rules are run");
        });

    private bool IsDeclared(LogCapabilities capability) => Harness.Capabilities.HasFlag(capability);

    private async Task<bool> RefusesLargeBatchAsync(ILog log)
    {
        try
        {
            await log.AppendBatchAsync(Batches.OfSize(Harness.BatchLimitBytes + 1));
            return false;
        }
        catch (BatchTooLargeException)
        {
            return true;
        }
    }

    private static async Task<bool> IsFoundAgainAsync(Running.RuleRun run)
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
}
