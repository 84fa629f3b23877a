namespace LogKit.Benchmarks.Results;

/// <summary>Measures two things alternately, several times, so that both see the same conditions.</summary>
internal static class Rounds
{
    /// <summary>
    /// The number of rounds at the beginning that do not count, while code is compiled and files and connections are created.
    /// </summary>
    public const int WarmUps = 2;

    private const int Count = 5;

    internal readonly record struct Result(double First, double Second, double Ratio, double Spread)
    {
        /// <summary>Converts the result to a row of the table.</summary>
        public Row ToRow(string what, string peer, string unit, Row.Bound? target = null, double scale = 1) =>
            new(what, new Figure(First * scale, unit), peer, new Figure(Second * scale, unit), Ratio) { Target = target, Spread = Spread };
    }

    /// <summary>Returns the medians of both, the median of their ratios in each round, and the spread of these ratios.</summary>
    public static async Task<Result> CompareAsync(Func<Task<double>> first, Func<Task<double>> second)
    {
        var rounds = new List<(double First, double Second)>();
        for (var i = 0; i < WarmUps + Count; i++)
        {
            var round = (await first(), await second());
            if (i >= WarmUps)
                rounds.Add(round);
        }

        var ratios = rounds.Select(round => round.First / round.Second).ToList();
        return new Result(
            Median(rounds.Select(round => round.First)), Median(rounds.Select(round => round.Second)),
            Median(ratios), (ratios.Max() - ratios.Min()) / Median(ratios));
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
