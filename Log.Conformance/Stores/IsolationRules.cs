namespace LogKit.Conformance.Stores;

/// <summary>The rules ISOLATE-xx: logs do not affect each other, and handles of one log are one log.</summary>
internal static class IsolationRules
{
    [Rule(
        "ISOLATE-01",
        "Appends to a log are seen by all of its handles, and by those of no other log.",
        Why = "A store is as many logs as it has names.",
        Without = "Records of one team turn up in the log of another.")]
    public static async Task ISOLATE_01_appends_are_seen_in_their_log_and_in_no_other(StoreRun run)
    {
        var store = await run.OpenAsync();
        var logs = new List<(string Name, ILog First, ILog Second)>();
        foreach (var name in (string[])["a", "b", "c"])
        {
            await store.CreateAsync(name);
            logs.Add((name, await store.OpenAsync(name), await store.OpenAsync(name)));
        }

        for (var i = 0; i < 10; i++)
        {
            foreach (var (name, first, second) in logs)
            {
                var offset = await (i % 2 == 0 ? first : second).AppendBatchAsync(Batches.Of($"{name}{i}"));
                run.Check.Equal((ulong)i, offset, $"the offset of append {i} to '{name}'");
            }
        }

        foreach (var (name, first, second) in logs)
        {
            var expected = string.Join(' ', Enumerable.Range(0, 10).Select(i => $"{name}{i}"));
            run.Check.Equal(expected, await StoreCalls.TextAsync(first), $"the content of '{name}', by its first handle");
            run.Check.Equal(expected, await StoreCalls.TextAsync(second), $"the content of '{name}', by its second handle");
        }

        await using var other = await store.OpenAsync(LogNames.Default);
        run.Check.Equal(new LogRange(0, 0), await other.GetRangeAsync(), "the range of the default log");
    }

    [Rule(
        "ISOLATE-02",
        "A wait ends with an append to its own log, through any handle, and with no append to another.",
        Why = "Consumers sleep until there is something to do.",
        Without = "Each append wakes the consumers of every log, or not even its own.")]
    public static async Task ISOLATE_02_an_append_ends_waits_of_its_log_alone(StoreRun run)
    {
        var store = await run.OpenAsync();
        await store.CreateAsync("a");
        await store.CreateAsync("b");
        await using var waiting = await store.OpenAsync("a");
        await using var appending = await store.OpenAsync("a");
        await using var other = await store.OpenAsync("b");
        var wait = waiting.WaitForAppendAsync(0).AsTask();
        await other.AppendBatchAsync(Batches.Of("x"));
        await run.Check.PendingAsync(wait, "a wait on 'a' ended when 'b' was appended to");
        await appending.AppendBatchAsync(Batches.Of("y"));
        await run.Check.EndsAsync(wait, "a wait whose record was appended through another handle");
        run.Check.Equal("y", await StoreCalls.TextAsync(waiting), "what the wait was for");
    }

    [Rule(
        "ISOLATE-03",
        "Truncating a log changes that log, for all of its handles, and no other.",
        Why = "Each log is kept as long as its own readers need it.",
        Without = "Cleaning up one log loses the records of another.",
        Needs = LogCapabilities.Truncate)]
    public static async Task ISOLATE_03_truncation_changes_its_log_alone(StoreRun run)
    {
        var store = await run.OpenAsync();
        await store.CreateAsync("a");
        await store.CreateAsync("b");
        await using var first = await store.OpenAsync("a");
        await using var second = await store.OpenAsync("a");
        await using var other = await store.OpenAsync("b");
        for (var i = 0; i < 4; i++)
        {
            await first.AppendBatchAsync(Batches.Of($"a{i}"));
            await other.AppendBatchAsync(Batches.Of($"b{i}"));
        }

        run.Check.True(first is ITruncatableLog, $"{run.Harness.GetType().Name} declares Truncate, but its handles are no ITruncatableLog");
        await ((ITruncatableLog)first).TruncateBeforeAsync(3);
        run.Check.Equal("a3", await StoreCalls.TextAsync(second), "the content of the log that was truncated, by its other handle");
        run.Check.Equal("b0 b1 b2 b3", await StoreCalls.TextAsync(other), "the content of the other log");
    }

    [Rule(
        "ISOLATE-04",
        "Disposing a handle ends its own waits and calls, and affects neither other handles of the log nor the log.",
        Why = "Each part of a program opens and disposes its own handle.",
        Without = "One request that ends takes the log away from all the others.")]
    public static async Task ISOLATE_04_disposing_a_handle_affects_no_other(StoreRun run)
    {
        var store = await run.OpenAsync();
        await store.CreateAsync("a");
        var disposed = await store.OpenAsync("a");
        await using var kept = await store.OpenAsync("a");
        var endsWithIt = disposed.WaitForAppendAsync(1).AsTask();
        var goesOn = kept.WaitForAppendAsync(1).AsTask();
        await disposed.AppendBatchAsync(Batches.Of("x"));
        await disposed.DisposeAsync();
        await disposed.DisposeAsync();
        await run.Check.ThrowsAsync<ObjectDisposedException>(() => endsWithIt, "a wait of the handle that was disposed");
        foreach (var (member, call) in StoreCalls.OfLog(disposed))
            await run.Check.ThrowsAsync<ObjectDisposedException>(call, $"{member} on the handle that was disposed");
        run.Check.True(!goesOn.IsCompleted, "a wait of another handle ended with the disposal");
        await kept.AppendBatchAsync(Batches.Of("y"));
        await run.Check.EndsAsync(goesOn, "a wait of another handle");
        await using var opened = await store.OpenAsync("a");
        run.Check.Equal("x y", await StoreCalls.TextAsync(opened), "the content of the log, by a handle that was opened afterward");
    }

    [Rule(
        "ISOLATE-05",
        "Deleting a log ends nothing of another.",
        Why = "Logs are deleted while others are in use.",
        Without = "Whoever cleans up interrupts everybody.")]
    public static async Task ISOLATE_05_deletion_ends_nothing_of_another_log(StoreRun run)
    {
        var store = await run.OpenAsync();
        await store.CreateAsync("a");
        await store.CreateAsync("ab");
        await store.CreateAsync("b");
        await using var log = await store.OpenAsync("ab");
        await log.AppendBatchAsync(Batches.Of("x"));
        var wait = log.WaitForAppendAsync(1).AsTask();
        await store.DeleteAsync("a");
        await store.DeleteAsync("b");
        run.Check.Equal("x", await StoreCalls.TextAsync(log), "the content of a log after others were deleted");
        await run.Check.PendingAsync(wait, "a wait ended when another log was deleted");
        await log.AppendBatchAsync(Batches.Of("y"));
        await run.Check.EndsAsync(wait, "a wait that was pending when another log was deleted");
    }

    [Rule(
        "ISOLATE-06",
        "Calls on a log end while others are under load, and while many calls on others are pending.",
        Why = "One busy team must not stop the rest.",
        Without = "A log with a thousand waiting consumers takes all others down.")]
    public static async Task ISOLATE_06_load_on_a_log_stops_no_other(StoreRun run)
    {
        var store = await run.OpenAsync();
        await store.CreateAsync("busy");
        await store.CreateAsync("idle");
        await using var busy = await store.OpenAsync("busy");
        await using var idle = await store.OpenAsync("idle");
        using var end = new CancellationTokenSource();
        var waits = Enumerable.Range(0, 1000).Select(i => busy.WaitForAppendAsync((1ul << 62) + (ulong)i, end.Token).AsTask()).ToList();
        var isOver = false;
        var load = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!Volatile.Read(ref isOver))
            {
                await busy.AppendBatchAsync(Batches.Of("x"));
                await Task.Yield();
            }
        })).ToList();
        for (var i = 0; i < 20; i++)
        {
            var wait = idle.WaitForAppendAsync((ulong)i).AsTask();
            await run.Check.EndsAsync(idle.AppendBatchAsync(Batches.Of($"{i}")).AsTask(), "an append to a log beside one under load");
            await run.Check.EndsAsync(wait, "a wait on a log beside one under load");
        }

        Volatile.Write(ref isOver, true);
        await run.Check.EndsAsync(Task.WhenAll(load), "the load");
        await end.CancelAsync();
        foreach (var wait in waits)
            await run.Check.ThrowsAsync<OperationCanceledException>(() => wait, "a wait that was canceled");
    }
}
