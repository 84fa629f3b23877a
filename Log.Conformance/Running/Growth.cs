namespace LogKit.Conformance.Running;

/// <summary>
/// Detects memory leaks of an action, despite other allocations in the process: runs the action in varying numbers, in mixed order, and
/// counts only growth in proportion to these numbers.
/// </summary>
internal static class Growth
{
    private const int MinBytes = 32;

    // Memory does not grow in this pattern by itself.
    private static readonly int[] Amounts = [2, 0, 5, 1, 0, 4, 3, 0];

    /// <summary>The number of bytes that each run of the action leaks; null if none, or if it cannot be determined.</summary>
    /// <param name="action">Runs the action a given number of times.</param>
    /// <param name="unit">The number of runs that is enough to be noticed.</param>
    public static async Task<double?> OfAsync(Func<int, Task> action, int unit)
    {
        if (unit < 1000)
            return null;
        await action(unit); // creates what is created only once
        var growth = new double[Amounts.Length];
        for (var i = 0; i < Amounts.Length; i++)
        {
            var before = LiveBytes();
            await action(Amounts[i] * unit);
            growth[i] = LiveBytes() - before;
        }

        var slope = Amounts.Zip(growth, (amount, bytes) => amount * bytes).Sum() / Amounts.Sum(amount => amount * amount);
        var isInStep = Amounts.Zip(growth, (amount, bytes) => Math.Abs(bytes - (amount * slope)) <= slope / 3).All(isNear => isNear);
        return isInStep && slope / unit >= MinBytes ? slope / unit : null;
    }

    private static long LiveBytes()
    {
        GC.Collect();
        return GC.GetTotalMemory(forceFullCollection: false);
    }
}
