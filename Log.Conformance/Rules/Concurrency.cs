// The rules CONC-xx: concurrent clients see one log.

using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("CONC-01")]
    public Task CONC_01_the_history_of_a_random_concurrent_run_is_linearizable() => RuleAsync(async run =>
    {
        foreach (var seed in Harness.SeedsOf(Math.Clamp(Harness.RaceRounds / 500, 2, 20)))
            await ConcurrentRun.RunAsync(run, seed, crashes: 0);
    });

    [Rule("CONC-01", Needs = LogCapabilities.Reopen | LogCapabilities.Crash)]
    public Task CONC_01_so_is_the_history_of_a_run_with_crashes() => RuleAsync(async run =>
    {
        foreach (var seed in Harness.SeedsOf(Math.Clamp(Harness.RaceRounds / 500, 2, 20)))
            await ConcurrentRun.RunAsync(run, seed, crashes: 3);
    });

    [Rule("CONC-02")]
    public Task CONC_02_an_append_that_begins_after_another_returned_gets_a_higher_offset() =>
        RuleAsync(async run =>
        {
            run.History.KeepsAll = true;
            await AppendConcurrentlyAsync(await run.OpenAsync(), run.Check);
            var appends = run.History.Operations.Where(operation => operation is { Kind: OperationKind.Append, Succeeded: true }).ToList();
            var returned = appends.OrderBy(append => append.Returned).ToList();
            var next = 0;
            Operation? highest = null;
            foreach (var append in appends.OrderBy(append => append.Invoked))
            {
                for (; next < returned.Count && returned[next].Returned < append.Invoked; next++)
                    highest = highest is null || (ulong)highest.Result! < (ulong)returned[next].Result! ? returned[next] : highest;
                run.Check.True(
                    highest is null || (ulong)highest.Result! < (ulong)append.Result!,
                    $"expected an append that begins after another returned to get a higher offset, but after\n    {highest}\n  came\n    "
                        + $"{append}");
            }
        });

    [Rule("CONC-03")]
    public Task CONC_03_an_observed_next_offset_never_goes_back() => RuleAsync(async (log, check) =>
    {
        var appends = Task.Run(() => AppendConcurrentlyAsync(log, check));
        var observers = Enumerable
            .Range(0, 2)
            .Select(_ =>
                Task.Run(async () =>
                {
                    var highest = 0ul;
                    for (var i = 0; i < 50 || !appends.IsCompleted; i++)
                    {
                        await Task.Yield();
                        var range = await log.GetRangeAsync();
                        check.True(
                            range.NextOffset >= highest,
                            $"the next offset: expected at least {highest}, which was seen before, got {range.NextOffset}");
                        highest = range.NextOffset;
                    }
                }))
            .ToList();
        await check.EndsAsync(Task.WhenAll([appends, .. observers]), "concurrent appends, and two that observe them");
    });

    [Rule("CONC-04")]
    public Task CONC_04_of_parallel_appends_none_is_lost_and_none_doubled() => RuleAsync(async (log, check) =>
    {
        var appends = await AppendConcurrentlyAsync(log, check);
        var expected = appends
            .SelectMany(append => append.Batch)
            .Select(record => record.ToString())
            .Order(StringComparer.Ordinal)
            .ToList();
        var found = (await LogContent.OfAsync(log)).SelectMany(entry => entry.Batch).Select(record => record.ToString()).ToList();
        check.Equal(
            expected.Count,
            found.Distinct().Count(),
            $"how many different records are in the log after {appends.Length} parallel appends");
        check.Equal(expected.Count, found.Count, $"how many records are in the log after {appends.Length} parallel appends");
        check.True(
            expected.SequenceEqual(found.Order(StringComparer.Ordinal)),
            "expected the log to hold the records that were appended, but it holds others");
    });
}
