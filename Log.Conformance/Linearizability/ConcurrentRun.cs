using LogKit.Conformance.Running;

namespace LogKit.Conformance.Linearizability;

/// <summary>
/// A random concurrent run: workers on all available clients append, read, get the range, and wait, with and without expected offsets. They
/// also cancel appends or truncate. Meanwhile, the log may crash, or its connections may be cut. The history is then checked as a whole.
/// </summary>
internal sealed class ConcurrentRun
{
    private const int Workers = 4;
    private const int StepsEach = 25;

    private readonly RuleRun _run;
    private readonly int _seed;
    private readonly string _name;
    private readonly int _cuts;
    private readonly bool _truncates;
    private ulong _seenNext;
    private volatile int _cutsLeft; // workers go on until all cuts were made
    private int _appending; // appends in flight, which a cut should meet

    private ConcurrentRun(RuleRun run, int seed, int crashes, int cuts)
    {
        _run = run;
        _seed = seed;
        _cuts = cuts;
        // The content of what was truncated is known only if the outcome of every append is.
        _truncates = run.Harness.Capabilities.HasFlag(LogCapabilities.Truncate) && crashes + cuts == 0 && seed % 2 == 0;
        _name = $"seed-{seed}";
    }

    /// <param name="run">The run of the rule.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="crashes">How often to crash the log.</param>
    /// <param name="cuts">How often to cut the connections between two crashes.</param>
    /// <exception cref="RuleViolationException">The history has no explanation.</exception>
    public static async Task RunAsync(RuleRun run, int seed, int crashes, int cuts = 0)
    {
        run.Seed = $"LOGKIT_SEED={seed} (the schedule is the machine's)";
        run.History.Clear();
        run.History.KeepsAll = true;
        run.Content = null;
        var concurrent = new ConcurrentRun(run, seed, crashes, cuts);
        for (var session = 0; session < crashes; session++)
            await concurrent.SessionAsync(session, crash: true);
        var log = await concurrent.SessionAsync(crashes, crash: false);
        await run.UntilReachableAsync(async () => await log.GetRangeAsync());
        var content = await LogContent.OfAsync(log);
        var entries = LogContent.WithTruncated(content, await log.GetRangeAsync(), run.History.Operations);
        run.Content = entries;
        if (HistoryCheck.Explain(run.History.Operations, entries) is { } problem)
            throw run.Check.Fail(problem);
        await run.RemoveAsync(concurrent._name);
    }

    /// <summary>Runs all workers until they finish or the log crashes.</summary>
    private async Task<ILog> SessionAsync(int session, bool crash)
    {
        var random = new Random(Seeds.Mix(_seed, session));
        var log = await _run.OpenAsync(_name);
        var logs = new List<ILog> { log };
        if (_run.Harness.Capabilities.HasFlag(LogCapabilities.SecondClient))
            logs.Add(await _run.OpenSecondClientAsync(_name));
        var isArmed = crash && await _run.CrashSoonAsync(random.Next(Workers * StepsEach), _name);

        using var end = new CancellationTokenSource();
        var workers = Enumerable
            .Range(0, Workers)
            .Select(i =>
                Task.Run(() =>
                    new Worker(
                        this,
                        logs[i % logs.Count],
                        $"{session}/{i}",
                        new Random(Seeds.Mix(_seed, session, i)),
                        mayDie: crash).RunAsync(end.Token)))
            .ToList();
        for (_cutsLeft = _cuts; _cutsLeft > 0; _cutsLeft--)
        {
            var calls = _run.History.Begun + random.Next(20);
            while ((_run.History.Begun < calls || Volatile.Read(ref _appending) == 0) && !workers.TrueForAll(worker => worker.IsCompleted))
                await Task.Yield();
            await _run.DisconnectAsync(_name);
            // Some cuts are over at once, and some meet calls that begin without a connection.
            var missed = _run.History.Begun + random.Next(2 * Workers);
            for (var pauses = 0; _run.History.Begun < missed && pauses < 20 && !workers.TrueForAll(worker => worker.IsCompleted); pauses++)
                await Task.Delay(1);
            await _run.ReconnectAsync(_name);
        }

        if (crash && !isArmed)
        {
            for (var i = random.Next(200); i > 0; i--)
                await Task.Yield();
        }
        else
        {
            await _run.Check.EndsAsync(Task.WhenAll(workers), $"{Workers} workers of {StepsEach} steps");
        }

        if (crash)
            await _run.CrashAsync(_name);
        await _run.Check.EndsAsync(Task.WhenAll(workers), $"{Workers} workers of {StepsEach} steps, after the crash");
        await end.CancelAsync();
        foreach (var worker in workers)
            await _run.Check.EndsAsync((await worker).Waits, "waits that were canceled, or whose log died");
        return log;
    }

    private void SawNext(ulong next)
    {
        for (var seen = Volatile.Read(ref _seenNext); next > seen;)
            seen = Interlocked.CompareExchange(ref _seenNext, next, seen) == seen ? next : Volatile.Read(ref _seenNext);
    }

    /// <summary>Runs the steps of a worker, from its own seed.</summary>
    private sealed class Worker(ConcurrentRun run, ILog log, string name, Random random, bool mayDie)
    {
        private readonly List<Task> _waits = [];

        public Task Waits => Task.WhenAll(_waits);

        public async Task<Worker> RunAsync(CancellationToken end)
        {
            try
            {
                for (var step = 0; step < StepsEach || (run._cutsLeft > 0 && step < StepsEach * 8); step++)
                {
                    try
                    {
                        await StepAsync(step, end);
                    }
                    catch (LogException exception) when (run._cuts > 0 && IsOfCut(exception))
                    {
                        await Task.Delay(1, CancellationToken.None); // or all steps would be over before the connection is back
                    }

                    if (random.Next(3) == 0)
                        await Task.Yield();
                }
            }
            catch (Exception exception) when (mayDie && exception is LogException or ObjectDisposedException or OperationCanceledException)
            {
                // The log died, as it was to.
            }

            return this;
        }

        private async Task StepAsync(int step, CancellationToken end)
        {
            var near = Volatile.Read(ref run._seenNext) + (ulong)random.Next(3);
            switch (random.Next(20))
            {
                case < 8:
                    await AppendAsync(step, random.Next(4) == 0 ? near : null);
                    break;
                case < 13:
                    await ReadAsync(random.Next(2) == 0 ? near : (ulong)random.NextInt64((long)near + 1));
                    break;
                case < 17:
                    run.SawNext((await log.GetRangeAsync(CancellationToken.None)).NextOffset);
                    break;
                case < 19 when run._truncates:
                    await TruncateAsync(near - Math.Min(near, (ulong)random.Next(8)));
                    break;
                default:
                    _waits.Add(WaitAsync(near, end));
                    break;
            }
        }

        private async Task AppendAsync(int step, ulong? expected)
        {
            var batch = Batches.Of([.. Enumerable.Range(0, 1 + random.Next(3)).Select(record => $"{name}/{step}/{record}")]);
            using var cancellation = new CancellationTokenSource();
            Interlocked.Increment(ref run._appending);
            try
            {
                var append = log.AppendBatchAsync(batch, expected, cancellation.Token);
                if (random.Next(8) == 0 && !run._truncates)
                    await cancellation.CancelAsync();
                run.SawNext(await append + (ulong)batch.Count);
            }
            catch (OffsetMismatchException exception)
            {
                run.SawNext(exception.NextOffset);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                // Either way is sound: the history says which it was.
            }
            finally
            {
                Interlocked.Decrement(ref run._appending);
            }
        }

        private async Task ReadAsync(ulong offset)
        {
            try
            {
                if (random.Next(2) == 0)
                    await log.ReadBatchAsync(offset);
                else
                    await log.ReadBatchesAsync(offset, limitBytes: 1 << random.Next(10));
            }
            catch (OffsetOutOfRangeException)
            {
                // Which the history has.
            }
        }

        private async Task TruncateAsync(ulong offset)
        {
            try
            {
                await ((ITruncatableLog)log).TruncateBeforeAsync(offset, CancellationToken.None);
            }
            catch (OffsetOutOfRangeException)
            {
                // Which the history has.
            }
        }

        private async Task WaitAsync(ulong offset, CancellationToken end)
        {
            try
            {
                await log.WaitForAppendAsync(offset, end);
            }
            catch (OperationCanceledException) when (end.IsCancellationRequested)
            {
                // It was not reached.
            }
            catch (Exception exception) when (mayDie && exception is LogException or ObjectDisposedException)
            {
                // The log died.
            }
            catch (LogException exception) when (run._cuts > 0 && IsOfCut(exception))
            {
                // Which the history has.
            }
        }

        private static bool IsOfCut(LogException exception) => exception is LogUnavailableException or AppendOutcomeUnknownException;
    }
}
