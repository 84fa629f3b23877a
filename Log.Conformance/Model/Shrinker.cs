using System.Diagnostics;

namespace LogKit.Conformance.Model;

/// <summary>Finds a smaller program that still fails: fewer steps first, in ever smaller pieces, then simpler ones.</summary>
internal static class Shrinker
{
    /// <param name="program">One that fails.</param>
    /// <param name="limit">How long to look for it: where a failure is that nothing happens, each look takes its time.</param>
    /// <param name="failsAtAsync">Runs a program: the number of the step that fails, or null where none does.</param>
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

    /// <summary>What comes after the step that fails has no part in it.</summary>
    private static IReadOnlyList<Step> Cut(IReadOnlyList<Step> program, int failsAt) => [.. program.Take(failsAt + 1)];
}
