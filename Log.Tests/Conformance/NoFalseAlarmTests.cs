using LogKit.Conformance;
using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Model;
using LogKit.Conformance.Running;
using LogKit.Tests.Conformance.Broken;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance;

/// <summary>
/// The random rules report no false alarms on correct logs, with a thousand seeds in memory and a hundred where a run takes longer.
/// </summary>
public sealed class NoFalseAlarmTests
{
    private static readonly int Seeds = 1000 * TestSeed.Effort;

    [Fact]
    public async Task A_thousand_random_programs_on_the_in_memory_log_raise_no_alarm()
    {
        await using var run = new RuleRun(LogRules.Get("MODEL-01"), new InMemoryHarness());
        for (var seed = 0; seed < Seeds; seed++)
            await ModelRun.TryAsync(run, seed, length: 60);
    }

    [Fact]
    public async Task A_thousand_random_concurrent_runs_on_the_in_memory_log_raise_no_alarm()
    {
        await using var run = new RuleRun(LogRules.Get("CONC-01"), new InMemoryHarness());
        for (var seed = 0; seed < Seeds; seed++)
            await ConcurrentRun.RunAsync(run, seed, crashes: 0);
    }

    [Fact]
    public async Task A_hundred_random_runs_on_the_disk_log_raise_no_alarm()
    {
        await using var harness = new DiskHarness();
        await using var programs = new RuleRun(LogRules.Get("MODEL-01"), harness);
        await using var concurrent = new RuleRun(LogRules.Get("CONC-01"), harness);
        for (var seed = 0; seed < Seeds / 10; seed++)
        {
            await ModelRun.TryAsync(programs, seed, length: 60);
            await ConcurrentRun.RunAsync(concurrent, seed, crashes: 0);
        }
    }

    [Fact]
    public async Task A_hundred_random_runs_with_crashes_and_second_clients_raise_no_alarm()
    {
        var harness = new BrokenHarness(Mutants.Sound);
        await using var programs = new RuleRun(LogRules.Get("MODEL-01"), harness);
        await using var concurrent = new RuleRun(LogRules.Get("CONC-05"), harness);
        for (var seed = 0; seed < Seeds / 10; seed++)
        {
            await ModelRun.TryAsync(programs, seed, length: 60);
            await ConcurrentRun.RunAsync(concurrent, seed, crashes: 3);
        }
    }
}
