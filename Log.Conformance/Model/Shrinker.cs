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
                        await TryWithoutAsync(start, size, []);
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
                if (await TryWithoutAsync(index, 1, [simpler]))
                    return true;
            }

            return false;
        }

        // If fewer records are appended, the same offsets mean something else to the steps that follow, and so do others.
        async Task<bool> TryWithoutAsync(int start, int size, Step[] instead)
        {
            var (before, after) = (best.Take(start).ToList(), best.Skip(start + size).ToList());
            return await TryAsync([.. before, .. instead, .. after])
                || (Rebased(before, best.Skip(start).Take(size), instead, after) is { } rebased && await TryAsync(rebased));
        }

        async Task<bool> TryAsync(IReadOnlyList<Step> candidate)
        {
            if (clock.Elapsed >= limit || await failsAtAsync(candidate) is not { } failsAt)
                return false;
            best = Cut(candidate, failsAt);
            return true;
        }
    }

    /// <summary>
    /// The program with some steps replaced, and the offsets of those that follow as far from the end of the log as before; null if they
    /// are the same.
    /// </summary>
    private static List<Step>? Rebased(List<Step> before, IEnumerable<Step> removed, Step[] instead, List<Step> after)
    {
        var (old, now) = (new ModelLog(), new ModelLog());
        foreach (var step in before)
        {
            step.Expect(old);
            step.Expect(now);
        }

        foreach (var step in removed)
            step.Expect(old);
        foreach (var step in instead)
            step.Expect(now);
        List<Step> program = [.. before, .. instead];
        var hasChanged = false;
        foreach (var step in after)
        {
            var fewer = old.Range.NextOffset - Math.Min(old.Range.NextOffset, now.Range.NextOffset);
            var moved = fewer == 0 ? step : step.MovedBack(fewer);
            hasChanged |= moved != step;
            step.Expect(old);
            moved.Expect(now);
            program.Add(moved);
        }

        return hasChanged ? program : null;
    }

    /// <summary>Removes the steps after the one that fails.</summary>
    private static IReadOnlyList<Step> Cut(IReadOnlyList<Step> program, int failsAt) => [.. program.Take(failsAt + 1)];
}
