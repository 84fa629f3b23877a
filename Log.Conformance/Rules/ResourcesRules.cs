using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules RES-xx: what calls may cost, and what they may leave behind.</summary>
internal static class ResourcesRules
{
    [Rule(
        "RES-01",
        "A wait does not occupy a thread.",
        Why = "A server has thousands of tails, most of which wait.",
        Without = "A few hundred idle readers stop the process.")]
    public static async Task RES_01_a_wait_does_not_occupy_a_thread(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        var count = Math.Clamp(run.Harness.RaceRounds / 10, 100, 400);
        var fewest = int.MaxValue;

        // Threads and queued work come and go for other reasons. They count only if they do so in step with the waits, three times.
        for (var round = 0; round < 3 && fewest > count / 2; round++)
        {
            using var cancellation = new CancellationTokenSource();
            var waits = new List<Task>();
            var more = await OnThreadAsync(() =>
            {
                var before = ThreadDemand.Measure(run.Harness.Patience);
                for (var i = 0; i < count; i++)
                    waits.Add(Task.Run(() => log.WaitForAppendAsync(1000, cancellation.Token).AsTask()));
                return ThreadDemand.Measure(run.Harness.Patience) - before;
            });
            fewest = Math.Min(fewest, more);
            await cancellation.CancelAsync();
            await check.ThrowsAsync<OperationCanceledException>(() => Task.WhenAll(waits), $"{count} canceled waits");
        }

        check.True(fewest <= count / 2, $"expected {count} pending waits to occupy no threads, but they occupied or asked for {fewest}");

        // Not one of the thread pool, of which none may be left.
        static Task<int> OnThreadAsync(Func<int> work) =>
            Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    [Rule(
        "RES-02",
        "An append allocates no more memory the longer the log is.",
        Why = "A log grows for years.",
        Without = "Appends become slower every day, as each copies an index or the log itself.")]
    public static async Task RES_02_an_append_allocates_no_more_memory_the_longer_the_log_is(RuleRun run)
    {
        const int appends = 20;
        const int length = 2000;
        const int bytesPerBatch = 4; // half a reference
        var (shortLog, longLog) = (await run.OpenAsync("short"), await run.OpenAsync("long"));
        await shortLog.AppendBatchAsync(Batches.Of("x"));
        for (var i = 0; i < length; i += 50)
            await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => longLog.AppendBatchAsync(Batches.Of("x")).AsTask()));

        // The process allocates for other reasons, too, but not nearly always more when the log is long.
        const int trials = 12;
        const int exceptions = 3;
        using var notRecorded = run.History.Pause();
        long onShort = 0, onLong = 0;
        for (var (trial, alike) = (0, 0); trial < trials; trial++)
        {
            onShort = await AllocatedAsync(shortLog);
            onLong = await AllocatedAsync(longLog);
            if (onLong < onShort + (appends * length * bytesPerBatch) && ++alike == exceptions)
                return;
        }

        throw run.Check.Fail(
            $"expected an append to allocate no more on a log of {length} batches than on one of a few, but {appends} appends allocated "
                + $"{onLong} bytes instead of {onShort}, and similarly in most of {trials} trials");

        static async Task<long> AllocatedAsync(ILog log)
        {
            var before = GC.GetTotalAllocatedBytes();
            for (var i = 0; i < appends; i++)
                await log.AppendBatchAsync(Batches.Of("x"));
            return GC.GetTotalAllocatedBytes() - before;
        }
    }

    [Rule(
        "RES-03",
        "Refused and canceled appends leave nothing behind.",
        Why = "A producer may retry for hours.",
        Without = "Memory grows until the server fails.")]
    public static async Task RES_03_refused_and_canceled_appends_leave_nothing_behind(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        using var notRecorded = run.History.Pause();
        using var canceled = new CancellationTokenSource();
        await canceled.CancelAsync();
        var remains = new Remains(Math.Clamp(run.Harness.RaceRounds / 5, 100, 2000));
        for (var i = 0; i < remains.Count; i++)
            remains.Add(await RefuseAsync(i));
        check.True(
            await remains.AreGoneAsync(log),
            $"expected {remains.Count} refused and canceled appends to leave nothing, but the batches of {remains.Alive} are still held");

        async Task<object> RefuseAsync(int number)
        {
            var batch = Batches.OfSize(200);
            if (number % 2 == 0)
                await check.ThrowsAsync<OffsetMismatchException>(() => log.AppendBatchAsync(batch, 7).AsTask(), "an append that expects 7");
            else
                await check.ThrowsAsync<OperationCanceledException>(
                    () => log.AppendBatchAsync(batch, null, canceled.Token).AsTask(), "a canceled append");
            return batch;
        }
    }

    [Rule(
        "RES-04",
        "Clients that were closed leave nothing behind.",
        Why = "Readers come and go for months.",
        Without = "Memory grows with every reader that ever connected.",
        Needs = LogCapabilities.SecondClient)]
    public static async Task RES_04_clients_that_were_closed_leave_nothing_behind(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        using var notRecorded = run.History.Pause();
        var remains = new Remains(Math.Clamp(run.Harness.RaceRounds / 20, 20, 100));
        for (var i = 0; i < remains.Count; i++)
            remains.Add(await OpenAndCloseAsync());
        check.True(
            await remains.AreGoneAsync(log),
            $"expected {remains.Count} closed clients to leave nothing, but what {remains.Alive} of them waited with is still held");

        // The token stands for all that a client had.
        async Task<object> OpenAndCloseAsync()
        {
            var cancellation = new CancellationTokenSource();
            var client = await run.OpenSecondClientAsync();
            await client.ReadBatchAsync(0);
            var wait = client.WaitForAppendAsync(1000, cancellation.Token).AsTask();
            await run.CloseClientAsync(client);
            await check.ThrowsAsync<ObjectDisposedException>(() => wait, "a wait of a client that was closed");
            return cancellation;
        }
    }
}
