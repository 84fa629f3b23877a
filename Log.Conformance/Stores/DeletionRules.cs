using System.Collections.Concurrent;

namespace LogKit.Conformance.Stores;

/// <summary>The rules DELETE-xx: how logs end, and what their handles say then.</summary>
internal static class DeletionRules
{
    [Rule(
        "DELETE-01",
        "A deleted log is gone, and its name is free: a log that is created under it is empty and has another id.",
        Why = "Deletion is how space and names are returned.",
        Without = "The records of a deleted log appear in the next one.")]
    public static async Task DELETE_01_a_deleted_log_is_gone_and_its_name_is_free(StoreRun run)
    {
        var store = await run.OpenAsync();
        var first = await store.CreateAsync("a");
        await using (var log = await store.OpenAsync("a"))
            await log.AppendBatchAsync(Batches.Of("old"));
        await store.DeleteAsync("a");
        await run.Check.ThrowsAsync<LogNotFoundException>(() => store.OpenAsync("a").AsTask(), "opening a deleted log");
        await run.Check.ThrowsAsync<LogNotFoundException>(() => store.GetAsync("a").AsTask(), "getting a deleted log");
        await run.Check.ThrowsAsync<LogNotFoundException>(() => store.DeleteAsync("a").AsTask(), "deleting a deleted log");
        run.Check.Equal(LogNames.Default, await StoreCalls.NamesAsync(store), "the logs after the deletion");
        var second = await store.CreateAsync("a");
        run.Check.True(first.Id != second.Id, "the second log of the name has the id of the first");
        await using var again = await store.OpenAsync("a");
        run.Check.Equal(new LogRange(0, 0), await again.GetRangeAsync(), "the range of the second log of the name");
    }

    [Rule(
        "DELETE-02",
        "Every call on a handle of a deleted log fails with `LogDeletedException`, forever, also when another log has its name.",
        Why = "A handle means the log that was opened.",
        Without = "A program that was not restarted writes into somebody else's log.")]
    public static async Task DELETE_02_a_handle_of_a_deleted_log_fails_forever(StoreRun run)
    {
        var store = await run.OpenAsync();
        var created = await store.CreateAsync("a");
        var used = await store.OpenAsync("a");
        var unused = await store.OpenAsync("a");
        await used.AppendBatchAsync(Batches.Of("old"));
        await store.DeleteAsync("a");
        await RequireAsync("after the deletion");
        await store.CreateAsync("a");
        await using var second = await store.OpenAsync("a");
        await second.AppendBatchAsync(Batches.Of("new"));
        await RequireAsync("after another log was created under the name");
        run.Check.Equal("new", await StoreCalls.TextAsync(second), "the content of the other log");
        await run.Check.EndsAsync(used.DisposeAsync().AsTask(), "disposing a handle of a deleted log");
        await run.Check.EndsAsync(unused.DisposeAsync().AsTask(), "disposing a handle of a deleted log");
        await run.Check.ThrowsAsync<ObjectDisposedException>(() => used.GetRangeAsync().AsTask(), "a call on it after its disposal");

        async Task RequireAsync(string when)
        {
            foreach (var (handle, log) in ((string, ILog)[])[("a handle that was used", used), ("one that was not", unused)])
            {
                foreach (var (member, call) in StoreCalls.OfLog(log))
                {
                    var exception = await run.Check.ThrowsAsync<LogDeletedException>(call, $"{member} on {handle}, {when}");
                    run.Check.Equal(("a", created.Id), (exception.Name, exception.Id), "the name and the id in the exception");
                }
            }
        }
    }

    [Rule(
        "DELETE-03",
        "Waits that are pending when their log is deleted end with `LogDeletedException`.",
        Why = "A consumer has to learn that nothing will come.",
        Without = "A consumer waits forever.")]
    public static async Task DELETE_03_pending_waits_end_with_their_log(StoreRun run)
    {
        var store = await run.OpenAsync();
        await store.CreateAsync("a");
        await using var log = await store.OpenAsync("a");
        await log.AppendBatchAsync(Batches.Of("x"));
        var waits = Enumerable.Range(1, 20).Select(offset => log.WaitForAppendAsync((ulong)offset).AsTask()).ToList();
        await run.Check.PendingAsync(Task.WhenAny(waits), "a wait for what was not appended ended before the deletion");
        await store.DeleteAsync("a");
        foreach (var wait in waits)
            await run.Check.ThrowsAsync<LogDeletedException>(() => wait, "a wait that was pending when its log was deleted");
    }

    [Rule(
        "DELETE-04",
        "Calls in flight when their log is deleted end: with their result, with `LogDeletedException`, or as unavailable or unknown.",
        Why = "Nobody stops all programs before a log is deleted.",
        Without = "A producer hangs, or its record turns up in the next log of the name.")]
    public static async Task DELETE_04_calls_in_flight_end_with_their_log(StoreRun run)
    {
        var store = await run.OpenAsync();
        for (var round = 0; round < Math.Clamp(run.Harness.RaceRounds / 50, 3, 40); round++)
        {
            await store.CreateAsync("a");
            await using var log = await store.OpenAsync("a");
            var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var appends = Enumerable.Range(0, 4).Select(_ => Task.Run(() => AppendUntilDeletedAsync(log, begun))).ToList();
            var reads = Task.Run(() => ReadUntilDeletedAsync(run, log));
            await begun.Task;
            await store.DeleteAsync("a");
            await store.CreateAsync("a");
            await run.Check.EndsAsync(Task.WhenAll([.. appends, reads]), "calls on a log that was deleted");
            await using var second = await store.OpenAsync("a");
            run.Check.Equal(new LogRange(0, 0), await second.GetRangeAsync(), "the range of the next log of the name");
            await store.DeleteAsync("a");
        }
    }

    [Rule(
        "DELETE-05",
        "The default log cannot be deleted: the attempt fails with `DefaultLogException`, and changes nothing.",
        Why = "Clients that name no log rely on it.",
        Without = "One wrong command stops all of them.")]
    public static async Task DELETE_05_the_default_log_cannot_be_deleted(StoreRun run)
    {
        var store = await run.OpenAsync();
        await using var log = await store.OpenAsync(LogNames.Default);
        await log.AppendBatchAsync(Batches.Of("x"));
        var before = await store.GetAsync(LogNames.Default);
        await run.Check.ThrowsAsync<DefaultLogException>(() => store.DeleteAsync(LogNames.Default).AsTask(), "deleting the default log");
        run.Check.Equal(before, await store.GetAsync(LogNames.Default), "the default log after that");
        run.Check.Equal("x", await StoreCalls.TextAsync(log), "its content");
    }

    [Rule(
        "DELETE-06",
        "If several callers delete a log at the same time, exactly one succeeds, and the others fail with `LogNotFoundException`.",
        Why = "Whoever deletes has to know whether it was they who did.",
        Without = "The second deletion hits a log that was created in between.")]
    public static async Task DELETE_06_one_of_several_concurrent_deletions_succeeds(StoreRun run)
    {
        var store = await run.OpenAsync();
        for (var round = 0; round < Math.Clamp(run.Harness.RaceRounds / 20, 5, 200); round++)
        {
            await store.CreateAsync("a");
            var deleted = await run.Check.EndsAsync(
                Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => TryDeleteAsync(store, "a")))), "concurrent deletions");
            run.Check.Equal(1, deleted.Count(isDeleted => isDeleted), "the number of callers that deleted the log");
        }
    }

    [Rule(
        "DELETE-07",
        "Whatever is created, deleted, and opened at the same time, a handle finds at an offset what it appended there, or its log was "
            + "deleted.",
        Why = "A name may change hands at any moment.",
        Without = "Two logs are mixed.")]
    public static async Task DELETE_07_races_of_creation_deletion_and_opening_mix_no_logs(StoreRun run)
    {
        var store = await run.OpenAsync();
        var foreign = new ConcurrentBag<string>();
        var rounds = Math.Clamp(run.Harness.RaceRounds / 20, 10, 200);
        var opened = 0;
        var changes = Task.Run(async () =>
        {
            for (var i = 0; i < rounds; i++)
            {
                var before = Volatile.Read(ref opened);
                await CreationRules.TryCreateAsync(store, "a");
                for (var pause = 0; pause < i % 10 || (Volatile.Read(ref opened) == before && pause < 1000); pause++)
                    await Task.Yield(); // every log has a use, or nearly every
                await TryDeleteAsync(store, "a");
            }
        });
        var uses = Enumerable.Range(0, 3).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; !changes.IsCompleted; i++)
            {
                if (await TryOpenAsync(store, "a") is { } log)
                {
                    Interlocked.Increment(ref opened);
                    await UseAsync(log, $"{worker}/{i}", foreign);
                }

                await Task.Yield();
            }
        })).ToList();
        await run.Check.EndsAsync(Task.WhenAll([changes, .. uses]), "creations, deletions, and uses of one name");
        run.Check.True(foreign.IsEmpty, foreign.FirstOrDefault() ?? "");
    }

    /// <summary>Appends and reads until the log is deleted.</summary>
    private static async Task UseAsync(ILog log, string name, ConcurrentBag<string> foreign)
    {
        await using (log)
        {
            try
            {
                for (var step = 0; ; step++)
                {
                    var text = $"{name}/{step}";
                    var offset = await log.AppendBatchAsync(Batches.Of(text));
                    await Task.Yield();
                    var found = $"{(await log.ReadBatchAsync(offset))[0]}";
                    if (found != text)
                        foreign.Add($"at {offset}, where '{text}' was appended, was '{found}'");
                }
            }
            catch (LogException exception)
                when (exception is LogDeletedException or AppendOutcomeUnknownException or LogUnavailableException)
            {
                // As it should, or the call met the deletion.
            }
            catch (LogException exception)
            {
                foreign.Add($"a handle failed with {exception.GetType().Name}: {exception.Message}");
            }
        }
    }

    private static async Task<ILog?> TryOpenAsync(ILogStore store, string name)
    {
        try
        {
            return await store.OpenAsync(name);
        }
        catch (LogNotFoundException)
        {
            return null;
        }
    }

    internal static async Task<bool> TryDeleteAsync(ILogStore store, string name)
    {
        try
        {
            await store.DeleteAsync(name);
            return true;
        }
        catch (LogNotFoundException)
        {
            return false;
        }
    }

    private static async Task AppendUntilDeletedAsync(ILog log, TaskCompletionSource begun)
    {
        try
        {
            while (true)
            {
                await UnlessUnavailableAsync(async () => await log.AppendBatchAsync(Batches.Of("x")));
                begun.TrySetResult();
            }
        }
        catch (LogException exception) when (exception is LogDeletedException or AppendOutcomeUnknownException)
        {
            // It was deleted.
        }
        finally
        {
            begun.TrySetResult();
        }
    }

    private static async Task ReadUntilDeletedAsync(StoreRun run, ILog log)
    {
        try
        {
            while (true)
            {
                await UnlessUnavailableAsync(async () =>
                {
                    await log.WaitForAppendAsync(0);
                    run.Check.Equal("x", $"{(await log.ReadBatchAsync(0))[0]}", "the first record of a log that is being deleted");
                });
            }
        }
        catch (LogDeletedException)
        {
            // As it should.
        }
    }

    /// <summary>A log that is being deleted may be unavailable until it is.</summary>
    private static async Task UnlessUnavailableAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (LogUnavailableException)
        {
            await Task.Delay(1);
        }
    }
}
