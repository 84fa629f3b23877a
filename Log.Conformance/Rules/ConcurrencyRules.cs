using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules CONC-xx: one order for all clients.</summary>
internal static class ConcurrencyRules
{
    [Rule(
        "CONC-01",
        "The history of a random concurrent run is linearizable.",
        Why = "There is one order for all clients, which respects real time, so each can reason about the log as if it were alone.",
        Without = "Two clients see different histories; what one has seen, another does not see later.")]
    public static async Task CONC_01_the_history_of_a_random_concurrent_run_is_linearizable(RuleRun run)
    {
        foreach (var seed in run.Harness.SeedsOf(Math.Clamp(run.Harness.RaceRounds / 500, 2, 20)))
            await ConcurrentRun.RunAsync(run, seed, crashes: 0);
    }

    [Rule(
        "CONC-05",
        "The history of a random concurrent run with crashes is linearizable.",
        Why = "A crash is an event in the same order: what was acknowledged before it is there after it.",
        Without = "What one client has seen before a crash, another does not see after it.",
        Needs = LogCapabilities.Reopen | LogCapabilities.Crash)]
    public static async Task CONC_05_the_history_of_a_random_concurrent_run_with_crashes_is_linearizable(RuleRun run)
    {
        foreach (var seed in run.Harness.SeedsOf(Math.Clamp(run.Harness.RaceRounds / 500, 2, 20)))
            await ConcurrentRun.RunAsync(run, seed, crashes: 3);
    }

    [Rule(
        "CONC-02",
        "An append that begins after another has returned gets a higher offset.",
        Why = "Causes precede effects.",
        Without = "An answer is stored before its question.")]
    public static async Task CONC_02_an_append_that_begins_after_another_returned_gets_a_higher_offset(RuleRun run)
    {
        run.History.KeepsAll = true;
        await ConcurrentAppends.RunAsync(run, await run.OpenAsync());
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
    }

    [Rule(
        "CONC-03",
        "An observed Next never decreases.",
        Why = "Readers use it to keep their place.",
        Without = "Records disappear for a while; lag becomes negative.")]
    public static async Task CONC_03_an_observed_next_offset_never_decreases(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var appends = Task.Run(() => ConcurrentAppends.RunAsync(run, log));
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
    }

    [Rule(
        "CONC-04",
        "Of parallel appends, none is lost and none is duplicated.",
        Why = "This is the most basic guarantee.",
        Without = "Data is silently lost under load.")]
    public static async Task CONC_04_of_parallel_appends_none_is_lost_and_none_is_duplicated(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var appends = await ConcurrentAppends.RunAsync(run, log);
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
    }
}
