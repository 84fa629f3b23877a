using System.Diagnostics;

namespace LogKit.Conformance.Model;

/// <summary>
/// Finds a smaller program that still fails: first with fewer steps, removed in ever smaller pieces, then with simpler ones.
/// </summary>
internal static class Shrinker
{
    /// <param name="program">A failing program.</param>
    /// <param name="limit">The time limit. If the failure is a hang, each attempt takes long.</param>
    /// <param name="failsAtAsync">Runs a program. Returns the number of the step that fails, or null if none does.</param>
    public static async Task<IReadOnlyList<Step>> ShrinkAsync(
        IReadOnlyList<Step> program, TimeSpan limit, Func<IReadOnlyList<Step>, Task<int?>> failsAtAsync)
    {
        var clock = Stopwatch.StartNew();
        var best = program;
        if (await failsAtAsync(best) is { } at)
            best = Cut(best, at);
        for (var isSmaller = true; isSmaller && clock.Elapsed < limit;)
            isSmaller = await RemoveAsync() | await SimplifyAsync();
        return best;

        async Task<bool> RemoveAsync()
        {
            var before = best.Count;
            for (var size = Math.Max(1, best.Count / 2); size > 0; size /= 2)
            {
                for (var start = best.Count - size; start >= 0; start -= size)
                {
                    if (start + size <= best.Count)
                        await TryAsync([.. best.Take(start), .. best.Skip(start + size)]);
                }
            }

            return best.Count < before;
        }

        async Task<bool> SimplifyAsync()
        {
            var isSimpler = false;
            for (var i = 0; i < best.Count; i++)
            {
                while (i < best.Count && await AnySimplerAsync(i))
                    isSimpler = true;
            }

            return isSimpler;
        }

        async Task<bool> AnySimplerAsync(int index)
        {
            foreach (var simpler in best[index].Simpler())
            {
                if (await TryAsync([.. best.Take(index), simpler, .. best.Skip(index + 1)]))
                    return true;
            }

            return false;
        }

        async Task<bool> TryAsync(IReadOnlyList<Step> candidate)
        {
            if (clock.Elapsed >= limit || await failsAtAsync(candidate) is not { } failsAt)
                return false;
            best = Cut(candidate, failsAt);
            return true;
        }
    }

    /// <summary>Removes the steps after the one that fails.</summary>
    private static IReadOnlyList<Step> Cut(IReadOnlyList<Step> program, int failsAt) => [.. program.Take(failsAt + 1)];
}
