namespace LogKit.Conformance.Stores;

/// <summary>The rules CREATE-xx: how logs come into being.</summary>
internal static class CreationRules
{
    [Rule(
        "CREATE-01",
        "A log that was created is empty, begins at offset 0, and can be opened at once.",
        Why = "Whoever creates a log writes to it next.",
        Without = "A new log has records that nobody appended, or is not there yet.")]
    public static async Task CREATE_01_a_created_log_is_empty_and_there(StoreRun run)
    {
        var store = await run.OpenAsync();
        var created = await store.CreateAsync("a");
        run.Check.Equal(created, await store.GetAsync("a"), "the log that was created");
        await using var log = await store.OpenAsync("a");
        run.Check.Equal(new LogRange(0, 0), await log.GetRangeAsync(), "the range of a new log");
        run.Check.Equal(0ul, await log.AppendBatchAsync(Batches.Of("x")), "the first offset of a new log");
    }

    [Rule(
        "CREATE-02",
        "Creating a log whose name is taken fails with `LogExistsException`, and changes nothing.",
        Why = "Two programs that each create the log they need must not disturb each other.",
        Without = "The second program empties the log of the first.")]
    public static async Task CREATE_02_a_name_that_is_taken_is_refused(StoreRun run)
    {
        var store = await run.OpenAsync();
        var created = await store.CreateAsync("a", new LogSettings { RetentionLimitMs = 60_000 });
        await using var log = await store.OpenAsync("a");
        await log.AppendBatchAsync(Batches.Of("x"));
        var exception = await run.Check.ThrowsAsync<LogExistsException>(
            () => store.CreateAsync("a", new LogSettings { RetentionLimitMs = 120_000 }).AsTask(), "creating 'a' again");
        run.Check.Equal("a", exception.Name, "the name in the exception");
        await run.Check.ThrowsAsync<LogExistsException>(() => store.CreateAsync(LogNames.Default).AsTask(), "creating the default log");
        run.Check.Equal(created, await store.GetAsync("a"), "the log whose name was taken");
        run.Check.Equal("x", await StoreCalls.TextAsync(log), "its content");
    }

    [Rule(
        "CREATE-03",
        "If several callers create one name at the same time, exactly one succeeds, and the others fail with `LogExistsException`.",
        Why = "Programs that start together create their logs together.",
        Without = "Two of them have logs of their own under one name.")]
    public static async Task CREATE_03_one_of_several_concurrent_creations_succeeds(StoreRun run)
    {
        var store = await run.OpenAsync();
        for (var round = 0; round < Math.Clamp(run.Harness.RaceRounds / 20, 5, 200); round++)
        {
            var name = $"raced-{round}";
            var all = await run.Check.EndsAsync(
                Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => TryCreateAsync(store, name)))), "concurrent creations");
            var created = all.OfType<LogInfo>().ToList();
            run.Check.Equal(1, created.Count, $"the number of callers that created '{name}'");
            run.Check.Equal(created[0], await store.GetAsync(name), $"the log '{name}', and the one that was created");
            if (round % 2 == 0)
                await store.DeleteAsync(name);
        }
    }

    [Rule(
        "CREATE-04",
        "Nothing is created automatically: every call but creation fails with `LogNotFoundException` for a name that no log has.",
        Why = "A misspelled name is an error.",
        Without = "A typing error becomes a log that somebody has to find and delete.")]
    public static async Task CREATE_04_nothing_is_created_automatically(StoreRun run)
    {
        var store = await run.OpenAsync();
        foreach (var (member, call) in StoreCalls.WithName(store, "missing").Where(call => call.Member != nameof(store.CreateAsync)))
        {
            var exception = await run.Check.ThrowsAsync<LogNotFoundException>(call, $"{member} of a log that does not exist");
            run.Check.Equal("missing", exception.Name, "the name in the exception");
        }

        run.Check.Equal(LogNames.Default, await StoreCalls.NamesAsync(store), "the logs after that");
    }

    [Rule(
        "CREATE-05",
        "Every log has an id of its own, which stays the same as long as the log exists.",
        Why = "A client that reconnects must be able to tell whether the log is still the same.",
        Without = "A client continues in another log than the one in which it began.")]
    public static async Task CREATE_05_each_log_has_an_id_of_its_own(StoreRun run)
    {
        var store = await run.OpenAsync();
        var ids = new HashSet<Guid> { Guid.Empty, (await store.GetAsync(LogNames.Default)).Id };
        run.Check.Equal(2, ids.Count, "the number of ids: one that is empty, which no log has, and that of the default log");
        for (var i = 0; i < 20; i++)
        {
            var created = await store.CreateAsync($"log-{i % 10}");
            run.Check.True(ids.Add(created.Id), $"the id of a new log was that of another one: {created.Id}");
            run.Check.Equal(created.Id, (await store.GetAsync(created.Name)).Id, "the id of the log, when it is asked for");
            if (i < 10)
                await store.DeleteAsync(created.Name);
        }
    }

    [Rule(
        "CREATE-06",
        "A log can be created with the offset of its first record.",
        Why = "A copy of a log has the offsets of the original.",
        Without = "Consumers of a log that was moved lose their place.")]
    public static async Task CREATE_06_a_log_begins_at_its_start_offset(StoreRun run)
    {
        var store = await run.OpenAsync();
        foreach (var start in (ulong[])[1, 1_000_000, 1ul << 40])
        {
            await store.CreateAsync($"from-{start}", new LogSettings { StartOffset = start });
            await using var log = await store.OpenAsync($"from-{start}");
            run.Check.Equal(new LogRange(start, start), await log.GetRangeAsync(), $"the range of a log that starts at {start}");
            run.Check.Equal(start, await log.AppendBatchAsync(Batches.Of("x")), "the first offset");
            run.Check.Equal("x", $"{(await log.ReadBatchAsync(start))[0]}", "the first record");
        }
    }

    [Rule(
        "CREATE-07",
        "A call whose token is already canceled fails with `OperationCanceledException`, which carries the token, and has no effect.",
        Why = "A caller that gave up does not expect anything to happen.",
        Without = "Logs appear and disappear after a program was told to stop.")]
    public static async Task CREATE_07_a_canceled_call_has_no_effect(StoreRun run)
    {
        var store = await run.OpenAsync();
        var kept = await store.CreateAsync("kept", new LogSettings { RetentionLimitMs = 60_000 });
        using var canceled = new CancellationTokenSource();
        await canceled.CancelAsync();
        foreach (var name in (string[])["kept", "new"])
        {
            foreach (var (member, call) in StoreCalls.All(store, name, canceled.Token))
            {
                var exception = await run.Check.ThrowsAsync<OperationCanceledException>(call, $"{member} with a canceled token");
                run.Check.True(exception.CancellationToken == canceled.Token, $"{member}: expected the exception to carry the token");
            }
        }

        run.Check.Equal("kept log", await StoreCalls.NamesAsync(store), "the logs after calls that were canceled");
        run.Check.Equal(kept, await store.GetAsync("kept"), "the log that calls were canceled for");
    }

    /// <returns>The log; null if its name is taken.</returns>
    internal static async Task<LogInfo?> TryCreateAsync(ILogStore store, string name)
    {
        try
        {
            return await store.CreateAsync(name);
        }
        catch (LogExistsException)
        {
            return null;
        }
    }
}
