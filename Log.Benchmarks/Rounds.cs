namespace LogKit.Benchmarks;

/// <summary>Measures two things in turn, several times, so that both see the same machine.</summary>
internal static class Rounds
{
    private const int Count = 5;

    internal readonly record struct Result(double First, double Second, double Ratio, double Spread);

    /// <summary>The medians of both, of their ratio a round, and how far the ratios lie apart. The first round warms up, and does not count.</summary>
    public static async Task<Result> CompareAsync(Func<Task<double>> first, Func<Task<double>> second)
    {
        var rounds = new List<(double First, double Second)>();
        for (var i = 0; i <= Count; i++)
        {
            var round = (await first(), await second());
            if (i > 0)
                rounds.Add(round);
        }

        var ratios = rounds.Select(round => round.First / round.Second).ToList();
        return new Result(
            Median(rounds.Select(round => round.First)), Median(rounds.Select(round => round.Second)),
            Median(ratios), (ratios.Max() - ratios.Min()) / Median(ratios));
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
