using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules ERR-xx: which exceptions a log throws, and what a fault leaves behind.</summary>
internal static class ErrorsRules
{
    [Rule(
        "ERR-01",
        "A log throws only the documented exceptions.",
        Why = "Callers can handle what they know.",
        Without = "A `catch` clause misses the exception; a server reports \"internal error\".")]
    public static async Task ERR_01_a_log_throws_only_the_documented_exceptions(RuleRun run)
    {
        run.AlsoBrokenBy = RuleViolation.ForeignException; // which every call is checked for
        var log = await run.OpenAsync();
        await log.AppendBatchAsync(Batches.Of("a", "b"));
        using var canceled = new CancellationTokenSource();
        await canceled.CancelAsync();
        foreach (var token in (CancellationToken[])[CancellationToken.None, canceled.Token])
        {
            await TryAsync(log.AppendBatchAsync(null!, null, token).AsTask());
            await TryAsync(log.AppendBatchAsync(new RecordBatch(), null, token).AsTask());
            await TryAsync(log.AppendBatchAsync(Batches.Of("x"), ulong.MaxValue, token).AsTask());
            await TryAsync(log.AppendBatchAsync(Batches.OfSize(run.Harness.BatchLimitBytes + 1), null, token).AsTask());
            foreach (var offset in (ulong[])[0, 2, 3, int.MaxValue, uint.MaxValue, long.MaxValue, 1ul << 63, ulong.MaxValue])
            {
                await TryAsync(log.ReadBatchAsync(offset, token).AsTask());
                if (log is ITruncatableLog truncatable)
                    await TryAsync(truncatable.TruncateBeforeAsync(offset, token).AsTask());
            }
        }

        // Dispose the log in the middle of all this.
        var last = await run.OpenAsync("disposed");
        var calls = Enumerable.Range(0, 40).Select(i => Task.Run(() => TryAsync((i % 4) switch
        {
            0 => last.AppendBatchAsync(Batches.Of($"{i}")).AsTask(),
            1 => last.ReadBatchAsync((ulong)i / 8).AsTask(),
            2 => last.GetRangeAsync().AsTask(),
            _ => last.WaitForAppendAsync((ulong)i).AsTask(),
        }))).ToList();
        await last.DisposeAsync();
        await run.Check.EndsAsync(Task.WhenAll(calls), "calls in the middle of which the log was disposed");

        static async Task TryAsync(Task call)
        {
            try
            {
                await call;
            }
            catch (Exception exception) when (exception is not RuleViolationException)
            {
                // A documented exception: others have already been reported.
            }
        }
    }

    [Rule(
        "ERR-02",
        "After a storage fault is healed, no acknowledged record is lost, and the log is either usable or reports that it is read-only.",
        Why = "Disks fill up and networks fail.",
        Without = "A brief fault loses data, or the log pretends to work.",
        Needs = LogCapabilities.Faults)]
    public static async Task ERR_02_after_a_storage_fault_is_healed_nothing_is_lost_and_the_log_is_usable_or_read_only(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var acknowledged = await Steps.AppendAsync(log, 2, 3);
        await run.BreakStorageAsync();
        var during = Batches.Of("during", "the fault");
        check.True(
            !await Steps.TryAppendAsync(log, during),
            $"an append succeeded while no write does: the log did not write it, or {run.Harness.GetType().Name}."
                + $"{nameof(LogHarness.BreakStorageAsync)} has no effect");
        await run.HealStorageAsync();
        await Steps.RequireAsync(run, log, acknowledged, "after the fault");

        var isReadOnly = false;
        for (var i = 0; i < 3; i++)
        {
            var batch = Batches.Of($"after the fault {i}");
            try
            {
                acknowledged.Add((await log.AppendBatchAsync(batch), batch));
                check.True(
                    !isReadOnly,
                    "an append succeeded after another was refused because the log is read-only: expected it to stay so until it is "
                        + "opened again");
            }
            catch (LogReadOnlyException)
            {
                isReadOnly = true;
            }
            catch (LogException exception)
            {
                throw check.Fail(
                    $"appending after the fault was healed: expected success or {nameof(LogReadOnlyException)}, got "
                        + $"{exception.GetType().Name}: {exception.Message}",
                    exception);
            }
        }

        await Steps.RequireAsync(run, log, acknowledged, "after the fault, and appends after it");
        if (!run.Harness.Capabilities.HasFlag(LogCapabilities.Reopen))
            return;
        log = await run.ReopenAsync();
        await Steps.RequireAsync(run, log, acknowledged, "after the fault and reopening");
        var next = (await log.GetRangeAsync()).NextOffset;
        check.Equal(next, await log.AppendBatchAsync(Batches.Of("usable")), "the offset of an append after the fault and reopening");
    }
}
