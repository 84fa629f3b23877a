using LogKit.Conformance.Model;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rule MODEL-01: a log behaves like the model.</summary>
internal static class ModelRules
{
    [Rule(
        "MODEL-01",
        "Random programs of appends, reads, waits, ranges, truncations, reopenings, crashes, cuts, and storage faults behave like the "
            + "model.",
        Why = "Bugs occur where rules meet.",
        Without = "Users find what nobody thought of.")]
    public static async Task MODEL_01_random_programs_behave_like_the_model(RuleRun run)
    {
        foreach (var seed in run.Harness.SeedsOf(Math.Clamp(run.Harness.RaceRounds / 200, 5, 50)))
            await ModelRun.TryAsync(run, seed, length: 60);
    }
}
