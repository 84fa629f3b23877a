namespace LogKit.Conformance.Stores;

/// <summary>The rules SET-xx: the settings of a log.</summary>
internal static class SettingsRules
{
    private static readonly LogSettings Some = new()
    {
        RetentionLimitBytes = 1L << 40,
        RetentionLimitMs = 1L << 40,
        StartOffset = 17,
    };

    [Rule(
        "SET-01",
        "A log has the settings that it was created with, also those that were left out.",
        Why = "Retention deletes data, so it has to be what was asked for.",
        Without = "Records are deleted that were to be kept.")]
    public static async Task SET_01_a_log_has_the_settings_that_it_was_created_with(StoreRun run)
    {
        var store = await run.OpenAsync();
        foreach (var (name, settings) in ((string, LogSettings?)[])
            [("all", Some), ("none", null), ("empty", new LogSettings()), ("one", new LogSettings { RetentionLimitMs = 86_400_000 })])
        {
            var expected = settings ?? new LogSettings();
            run.Check.Equal(expected, (await store.CreateAsync(name, settings)).Settings, $"the settings of '{name}', at its creation");
            run.Check.Equal(expected, (await store.GetAsync(name)).Settings, $"the settings of '{name}'");
        }
    }

    [Rule(
        "SET-02",
        "An update replaces all settings of one log, and changes neither its id, nor its content, nor its handles.",
        Why = "Settings change while a log is in use.",
        Without = "A change of the retention interrupts every producer.")]
    public static async Task SET_02_an_update_replaces_the_settings_and_nothing_else(StoreRun run)
    {
        var store = await run.OpenAsync();
        var created = await store.CreateAsync("a", Some);
        var other = await store.CreateAsync("b", Some);
        await using var log = await store.OpenAsync("a");
        await log.AppendBatchAsync(Batches.Of("x"));
        var wait = log.WaitForAppendAsync(18).AsTask();
        foreach (var settings in (LogSettings[])
            [Some with { RetentionLimitMs = 1L << 41 }, Some with { RetentionLimitBytes = null }, new LogSettings { StartOffset = 17 }])
        {
            var expected = created with { Settings = settings };
            run.Check.Equal(expected, await store.UpdateAsync("a", settings), "the log that an update returns");
            run.Check.Equal(expected, await store.GetAsync("a"), "the log after an update");
        }

        run.Check.Equal(other, await store.GetAsync("b"), "another log");
        run.Check.True(!wait.IsCompleted, "a wait ended with an update");
        run.Check.Equal(18ul, await log.AppendBatchAsync(Batches.Of("y")), "the offset of an append after updates");
        await run.Check.EndsAsync(wait, "a wait across updates");
        run.Check.Equal("x y", await StoreCalls.TextAsync(log), "the content after updates");
    }

    [Rule(
        "SET-03",
        "Settings that are out of range, and another start offset, are refused with `ArgumentException`, and change nothing.",
        Why = "A setting that is not possible is a mistake.",
        Without = "A retention of zero deletes everything.")]
    public static async Task SET_03_impossible_settings_are_refused(StoreRun run)
    {
        var store = await run.OpenAsync();
        var created = await store.CreateAsync("a", Some);
        LogSettings[] impossible =
        [
            Some with { RetentionLimitBytes = 0 }, Some with { RetentionLimitBytes = -1 }, Some with { RetentionLimitMs = 0 },
            Some with { RetentionLimitMs = long.MinValue }, Some with { StartOffset = (1ul << 63) + 1 },
        ];
        foreach (var settings in impossible)
        {
            await run.Check.ThrowsAsync<ArgumentException>(() => store.CreateAsync("b", settings).AsTask(), $"creating with {settings}");
            await run.Check.ThrowsAsync<ArgumentException>(() => store.UpdateAsync("a", settings).AsTask(), $"updating to {settings}");
        }

        foreach (var start in (ulong[])[0, 16, 18])
        {
            await run.Check.ThrowsAsync<ArgumentException>(
                () => store.UpdateAsync("a", Some with { StartOffset = start }).AsTask(), $"moving the start offset to {start}");
        }

        run.Check.Equal(created, await store.GetAsync("a"), "the log after settings that were refused");
        run.Check.Equal("a log", await StoreCalls.NamesAsync(store), "the logs after settings that were refused");
    }
}
