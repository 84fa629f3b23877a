namespace LogKit.Conformance.Stores;

/// <summary>The rules STORE-xx: the end of a store, and what survives it.</summary>
internal static class StoreRules
{
    [Rule(
        "STORE-01",
        "Disposing a store ends its handles and their waits. Every member then throws `ObjectDisposedException`, and disposing again does "
            + "nothing.",
        Why = "A program that stops disposes the store, whoever still has handles.",
        Without = "A program hangs when it is to end.")]
    public static async Task STORE_01_disposing_a_store_ends_everything_of_it(StoreRun run)
    {
        var store = await run.OpenAsync();
        await store.CreateAsync("a");
        var log = await store.OpenAsync("a");
        await log.AppendBatchAsync(Batches.Of("x"));
        var wait = log.WaitForAppendAsync(1).AsTask();
        await run.Check.EndsAsync(store.DisposeAsync().AsTask(), "disposing a store with an open handle");
        await run.Check.ThrowsAsync<ObjectDisposedException>(() => wait, "a wait of a store that was disposed");
        foreach (var (member, call) in StoreCalls.OfLog(log))
            await run.Check.ThrowsAsync<ObjectDisposedException>(call, $"{member} of a handle whose store was disposed");
        foreach (var (member, call) in StoreCalls.All(store, "a"))
            await run.Check.ThrowsAsync<ObjectDisposedException>(call, $"{member} of a store that was disposed");
        await run.Check.EndsAsync(log.DisposeAsync().AsTask(), "disposing a handle after its store");
        await run.Check.EndsAsync(store.DisposeAsync().AsTask(), "disposing a store again");
    }

    [Rule(
        "STORE-02",
        "Logs, their ids, settings, and records survive reopening the store, and what was deleted does not return.",
        Why = "Programs are restarted.",
        Without = "A log is lost, or a deleted one is back, after an update of the program.",
        Needs = LogCapabilities.Reopen)]
    public static async Task STORE_02_everything_survives_reopening(StoreRun run)
    {
        var expected = await FillAsync(await run.OpenAsync());
        for (var round = 0; round < 3; round++)
            await RequireAsync(run, await run.ReopenAsync(), expected, "after reopening");
    }

    [Rule(
        "STORE-03",
        "What was acknowledged of creations, updates, deletions, and appends survives a crash.",
        Why = "Machines stop without a word.",
        Without = "A log that a program has created and filled is gone.",
        Needs = LogCapabilities.Reopen | LogCapabilities.Crash)]
    public static async Task STORE_03_everything_acknowledged_survives_a_crash(StoreRun run)
    {
        var expected = await FillAsync(await run.OpenAsync());
        for (var round = 0; round < 3; round++)
            await RequireAsync(run, await run.CrashAsync(), expected, "after a crash");
    }

    [Rule(
        "STORE-04",
        "After a crash in the middle of a creation, an update, or a deletion, it has happened as a whole or not at all.",
        Why = "A crash may come at any moment.",
        Without = "Half a log is in the way: it can be neither opened nor created nor deleted.",
        Needs = LogCapabilities.Reopen | LogCapabilities.Crash)]
    public static async Task STORE_04_a_crash_in_the_middle_of_a_change_leaves_all_of_it_or_nothing(StoreRun run)
    {
        var left = 20; // steps after the changes: what they leave to do has its crashes, too
        for (var step = 0; step < 1_000 && left > 0; step++)
        {
            var suffix = $"step-{step}";
            var store = await run.OpenAsync(suffix);
            var kept = await FillAsync(store);
            if (!await run.CrashSoonAsync(step, suffix))
                return; // the harness cannot do that
            var (created, updated, deleted) = (default(LogInfo), false, false);
            try
            {
                await ChangeAsync().WaitAsync(run.Harness.Timeout);
                left--;
            }
            catch (Exception exception) when (exception is LogException or ObjectDisposedException or TimeoutException)
            {
                // It crashed.
            }

            async Task ChangeAsync()
            {
                created = await store.CreateAsync("made", new LogSettings { StartOffset = 5 });
                await store.UpdateAsync("changed", new LogSettings { StartOffset = 7, RetentionLimitMs = 2L << 40 });
                updated = true;
                await store.DeleteAsync("doomed");
                deleted = true;
            }

            store = await run.CrashAsync(suffix);
            var names = await StoreCalls.NamesAsync(store);
            run.Check.True(
                created is null || names.Split(' ').Contains("made"), $"the log 'made' was created before the crash: found {names}");
            run.Check.True(
                !deleted || !names.Split(' ').Contains("doomed"), $"the log 'doomed' was deleted before the crash: found {names}");
            foreach (var name in names.Split(' '))
                await RequireUsableAsync(run, store, name);
            var changed = (await store.GetAsync("changed")).Settings.RetentionLimitMs;
            run.Check.True(
                changed is 2L << 40 || (changed is 1L << 40 && !updated), $"the setting of 'changed' is {changed}; updated: {updated}");
            await RequireAsync(run, store, kept, $"after a crash at step {step} of changes of other logs");
            foreach (var name in (string[])["made", "doomed"])
            {
                await DeletionRules.TryDeleteAsync(store, name);
                await store.CreateAsync(name);
                await using var log = await store.OpenAsync(name);
                run.Check.Equal(new LogRange(0, 0), await log.GetRangeAsync(), $"the range of '{name}', created again after a crash");
            }

            await run.RemoveAsync(suffix);
        }
    }

    /// <summary>Creates logs of several kinds.</summary>
    /// <returns>Those that nothing happens to, with their content.</returns>
    private static async Task<List<(LogInfo Log, string Text)>> FillAsync(ILogStore store)
    {
        var expected = new List<(LogInfo, string)>();
        await using (var byDefault = await store.OpenAsync(LogNames.Default))
            await byDefault.AppendBatchAsync(Batches.Of("default"));
        expected.Add((await store.GetAsync(LogNames.Default), "default"));
        foreach (var name in (string[])["Kept", "kept", "kept.2", "doomed", "gone", "changed"])
        {
            var created = await store.CreateAsync(
                name, new LogSettings { StartOffset = (ulong)name.Length, RetentionLimitMs = 1L << 40 });
            await using var log = await store.OpenAsync(name);
            await log.AppendBatchAsync(Batches.Of(name, "second"));
            await log.AppendBatchAsync(Batches.Of("third"));
            if (name.StartsWith("kept", StringComparison.OrdinalIgnoreCase))
                expected.Add((created, $"{name} second third"));
        }

        await store.DeleteAsync("gone");
        expected[1] = (
            await store.UpdateAsync("Kept", new LogSettings { StartOffset = 4, RetentionLimitBytes = 1L << 40 }), expected[1].Item2);
        return expected;
    }

    private static async Task RequireAsync(StoreRun run, ILogStore store, List<(LogInfo Log, string Text)> expected, string when)
    {
        foreach (var (info, text) in expected)
        {
            run.Check.Equal(info, await store.GetAsync(info.Name), $"the log '{info.Name}' {when}");
            await using var log = await store.OpenAsync(info.Name);
            run.Check.Equal(text, await StoreCalls.TextAsync(log), $"the content of '{info.Name}' {when}");
        }

        await run.Check.ThrowsAsync<LogNotFoundException>(() => store.OpenAsync("gone").AsTask(), $"opening the log 'gone' {when}");
    }

    private static async Task RequireUsableAsync(StoreRun run, ILogStore store, string name)
    {
        await using var log = await store.OpenAsync(name);
        var range = await log.GetRangeAsync();
        run.Check.True(name != "made" || range == new LogRange(5, 5), $"the log 'made', which was created at offset 5, holds {range}");
        if (name == "doomed")
            run.Check.Equal("doomed second third", await StoreCalls.TextAsync(log), "the content of 'doomed', which was not deleted");
    }
}
