// The rule MODEL-01: a log behaves like the model.

using LogKit.Conformance.Model;

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("MODEL-01")]
    public Task MODEL_01_random_programs_behave_like_the_model() => RuleAsync(async run =>
    {
        foreach (var seed in Harness.SeedsOf(Math.Clamp(Harness.RaceRounds / 200, 5, 50)))
            await ModelRun.TryAsync(run, seed, length: 60);
    });
}
