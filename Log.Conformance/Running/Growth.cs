namespace LogKit.Conformance.Running;

/// <summary>
/// Whether something leaks memory, told apart from all else that allocates in the process: the thing is done more and less often, in a
/// mixed order, and only growth that keeps step with how often counts.
/// </summary>
internal static class Growth
{
    private const int MinBytes = 32;

    // No row of numbers that memory takes by itself looks like this.
    private static readonly int[] Amounts = [2, 0, 5, 1, 0, 4, 3, 0];

    /// <summary>How many bytes each time leaves behind; null where nothing does, or nothing can be told.</summary>
    /// <param name="action">Does the thing so many times.</param>
    /// <param name="unit">How many times are enough to be seen.</param>
    public static async Task<double?> OfAsync(Func<int, Task> action, int unit)
    {
        if (unit < 1000)
            return null;
        await action(unit); // what is made once is made
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
