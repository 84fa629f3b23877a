using System.Collections.Concurrent;
using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules NET-xx: what a client does while its connection is cut, and after the connection is restored.</summary>
internal static class NetworkRules
{
    private const int Workers = 4;

    [Rule(
        "NET-01",
        "An append whose connection is cut ends, and its outcome is true: what is acknowledged is stored, what is refused is not, and "
            + "what is unknown is stored at most once.",
        Why = "Networks fail, and callers act on what they are told.",
        Without = "A record that was acknowledged is lost, or one that was refused appears after all.",
        Needs = LogCapabilities.Disconnect)]
    public static async Task NET_01_an_append_whose_connection_is_cut_ends_and_tells_the_truth(RuleRun run)
    {
        run.AlsoBrokenBy = RuleViolation.NoAnswer; // an append that does not end
        var (log, check) = (await run.OpenAsync(), run.Check);
        var fates = new ConcurrentDictionary<string, Fate>();
        for (var round = 0; round < Rounds(run); round++)
        {
            run.History.Clear();
            var isCut = false;
            var appends = Enumerable.Range(0, Workers).Select(worker => AppendUntilCutAsync($"{round}/{worker}")).ToList();
            var all = Task.WhenAll(appends);
            await SomeCallsAsync(run, round, all);
            await run.DisconnectAsync();
            Volatile.Write(ref isCut, true);
            await check.EndsAsync(all, "appends whose connection was cut");
            if (round == 0) // one that certainly begins while the connection is cut
                await AppendUntilCutAsync($"{round}/cut");
            await run.ReconnectAsync();
            await run.UntilReachableAsync(async () => await log.GetRangeAsync());
            RequireFates(check, await LogContent.OfAsync(log), fates);

            Task AppendUntilCutAsync(string name) => Task.Run(async () =>
            {
                for (var i = 0; ; i++)
                {
                    var (value, wasCut) = ($"{name}/{i}", Volatile.Read(ref isCut));
                    var fate = fates[value] = await FateOfAsync(log, Batches.Of(value));
                    if (fate.First is null)
                        return;
                    check.True(
                        !wasCut,
                        $"an append was acknowledged while the connection was cut: the log did not send it, or "
                            + $"{run.Harness.GetType().Name}.{nameof(LogHarness.DisconnectAsync)} has no effect");
                }
            });
        }
    }

    [Rule(
        "NET-02",
        "A wait whose connection is cut never completes without its record: it continues when the connection is restored, or fails with "
            + "`LogUnavailableException`.",
        Why = "Readers read when a wait completes, and sleep until then.",
        Without = "A consumer reads past the end, or waits forever for what has long been there.",
        Needs = LogCapabilities.Disconnect)]
    public static async Task NET_02_a_wait_whose_connection_is_cut_never_completes_without_its_record(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        await log.AppendBatchAsync(Batches.Of("a"));
        for (var (round, next) = (0, 1ul); round < Rounds(run); round++, next++)
        {
            var wait = WaitAsync(log, next);
            if (round % 2 == 0)
                await Task.Delay(run.Harness.Patience); // every other wait is cut while it begins
            await run.DisconnectAsync();
            await Task.WhenAny(wait, Task.Delay(run.Harness.Patience));
            check.True(
                !wait.IsCompleted || !await wait,
                $"the wait for offset {next}, which was not appended, completed when its connection was cut");
            await run.ReconnectAsync();
            await run.UntilReachableAsync(async () => await log.AppendBatchAsync(Batches.Of("b"), next));
            await check.EndsAsync(wait, $"the wait for offset {next}, which was appended after the connection was restored");
            await check.EndsAsync(log.WaitForAppendAsync(next).AsTask(), $"another wait for offset {next}, which is in the log");
        }
    }

    [Rule(
        "NET-03",
        "Reads whose connection is cut return the right records or fail with `LogUnavailableException`, and the same client works again "
            + "once the connection is restored.",
        Why = "A client lives longer than a connection.",
        Without = "After a brief interruption, every process has to be restarted.",
        Needs = LogCapabilities.Disconnect)]
    public static async Task NET_03_reads_survive_a_cut_of_their_connection(RuleRun run)
    {
        run.AlsoBrokenBy = RuleViolation.ForeignException; // a raw error of the transport, for example
        var (log, check) = (await run.OpenAsync(), run.Check);
        var appended = await Steps.AppendAsync(log, 3, 1, 4, 1, 5);
        for (var round = 0; round < 2; round++)
        {
            run.History.Clear();
            var isCut = false;
            var reads = Enumerable.Range(0, Workers).Select(worker => Task.Run(() => ReadAsync(worker))).ToList();
            var all = Task.WhenAll(reads);
            await SomeCallsAsync(run, round, all);
            await run.DisconnectAsync();
            Volatile.Write(ref isCut, true);
            await check.EndsAsync(all, "reads whose connection was cut");
            await check.ThrowsAsync<LogUnavailableException>(() => log.GetRangeAsync().AsTask(), "the range, while the connection is cut");
            await run.ReconnectAsync();
            await run.UntilReachableAsync(async () => await log.GetRangeAsync());
            await Steps.RequireAsync(run, log, appended, "after the connection was restored");

            async Task ReadAsync(int worker)
            {
                var left = 1; // calls after the cut: a client may take seconds to give up each
                for (var i = worker; left > 0; i++)
                {
                    left -= Volatile.Read(ref isCut) ? 1 : 0;
                    var (first, batch) = appended[i % appended.Count];
                    try
                    {
                        if (i % 3 > 0)
                        {
                            var read = i % 3 == 1 ? await log.ReadBatchAsync(first) : (await log.ReadBatchesAsync(first, limitBytes: 1))[0];
                            check.Same(batch, read, $"the batch at {first}, beside a cut");
                            continue;
                        }

                        check.Equal(new LogRange(0, 14), await log.GetRangeAsync(), "the range, beside a cut");
                    }
                    catch (LogUnavailableException)
                    {
                        // As it should.
                    }
                }
            }
        }
    }

    [Rule(
        "NET-04",
        "An append that is retried with its expected offset, across any number of cuts, is stored once.",
        Why = "That is what an expected offset is for.",
        Without = "A producer stores a record twice, or does not know where it is.",
        Needs = LogCapabilities.Disconnect)]
    public static async Task NET_04_an_append_that_is_retried_with_its_expected_offset_is_stored_once(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var (appended, isOver) = (new List<RecordBatch>(), false);
        var appends = Task.Run(async () =>
        {
            for (var next = 0ul; !Volatile.Read(ref isOver); next += (ulong)appended[^1].Count)
            {
                appended.Add(Batches.Numbered(1 + (appended.Count % 3), appended.Count));
                await StoreOnceAsync(next, appended[^1]);
            }
        });
        for (var round = 0; round < Math.Clamp(run.Harness.RaceRounds / 10, 10, 20) && !appends.IsCompleted; round++)
        {
            await SomeCallsAsync(run, round, appends);
            await run.DisconnectAsync();
            await run.ReconnectAsync();
        }

        await run.UntilReachableAsync(async () => await log.GetRangeAsync());
        Volatile.Write(ref isOver, true);
        await check.EndsAsync(appends, "appends that are retried across cuts");
        var content = await LogContent.OfAsync(log);
        check.Equal(appended.Count, content.Count, "the number of batches, each of which was appended with its expected offset");
        for (var i = 0; i < content.Count; i++)
            check.Same(appended[i], content[i].Batch, $"the batch at {content[i].First}");

        async Task StoreOnceAsync(ulong expected, RecordBatch batch)
        {
            for (var isUnknown = false; ;)
            {
                try
                {
                    check.Equal(expected, await log.AppendBatchAsync(batch, expected), "the offset of an append that expects it");
                    return;
                }
                catch (OffsetMismatchException exception) when (isUnknown)
                {
                    check.Equal(
                        expected + (ulong)batch.Count,
                        exception.NextOffset,
                        $"the next offset after a retry that expected {expected} was refused, so that the first attempt was stored");
                    return;
                }
                catch (LogException exception) when (exception is AppendOutcomeUnknownException or LogUnavailableException)
                {
                    isUnknown |= exception is AppendOutcomeUnknownException;
                    await Task.Delay(1);
                }
            }
        }
    }

    [Rule(
        "NET-05",
        "The history of a random concurrent run with cuts, and crashes if the log can crash, is linearizable.",
        Why = "A cut is not an event of the log: there is the same one order for all clients.",
        Without = "What a client was told before a cut is not true after it.",
        Needs = LogCapabilities.Disconnect)]
    public static async Task NET_05_the_history_of_a_random_concurrent_run_with_cuts_is_linearizable(RuleRun run)
    {
        var crashes = run.Harness.Capabilities.HasFlag(LogCapabilities.Reopen | LogCapabilities.Crash) ? 1 : 0;
        foreach (var seed in run.Harness.SeedsOf(Math.Clamp(run.Harness.RaceRounds / 500, 2, 20)))
            await ConcurrentRun.RunAsync(run, seed, crashes, cuts: 8);
    }

    private static int Rounds(RuleRun run) => Math.Clamp(run.Harness.RaceRounds / 50, 3, 10);

    /// <summary>Lets calls begin, so that the cut meets them in different places.</summary>
    private static async Task SomeCallsAsync(RuleRun run, int round, Task calls)
    {
        var enough = run.History.Begun + 10 + (3 * round);
        for (var i = 0; run.History.Begun < enough && i < 1000 && !calls.IsCompleted; i++)
            await Task.Delay(1);
    }

    /// <returns>Whether the record is there; false if the log was unavailable.</returns>
    private static async Task<bool> WaitAsync(ILog log, ulong offset)
    {
        try
        {
            await log.WaitForAppendAsync(offset);
            return true;
        }
        catch (LogUnavailableException)
        {
            return false;
        }
    }

    private static async Task<Fate> FateOfAsync(ILog log, RecordBatch batch)
    {
        try
        {
            return new Fate(await log.AppendBatchAsync(batch), IsUnknown: false);
        }
        catch (LogUnavailableException)
        {
            return new Fate(First: null, IsUnknown: false);
        }
        catch (AppendOutcomeUnknownException)
        {
            return new Fate(First: null, IsUnknown: true);
        }
    }

    private static void RequireFates(Check check, List<LogEntry> content, IReadOnlyDictionary<string, Fate> fates)
    {
        var found = content.Select(entry => (Value: $"{entry.Batch[0]}", entry.First)).ToLookup(entry => entry.Value, entry => entry.First);
        foreach (var (value, fate) in fates)
        {
            var offsets = found[value].ToList();
            if (fate.First is { } first)
            {
                check.True(
                    offsets.Count == 1 && offsets[0] == first,
                    $"'{value}' was acknowledged at {first}: expected it there, found it {Places(offsets)}");
            }
            else if (fate.IsUnknown)
            {
                check.True(offsets.Count <= 1, $"'{value}', whose outcome is unknown, was appended once: found it {Places(offsets)}");
            }
            else
            {
                check.True(
                    offsets.Count == 0, $"'{value}' was refused because the log was unavailable: expected no such record, found it "
                        + Places(offsets));
            }
        }

        static string Places(List<ulong> offsets) => offsets.Count == 0 ? "nowhere" : $"at {string.Join(", ", offsets)}";
    }

    /// <summary>What the caller of an append was told.</summary>
    private readonly record struct Fate(ulong? First, bool IsUnknown);
}
