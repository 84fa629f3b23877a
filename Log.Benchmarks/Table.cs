using System.Globalization;

namespace LogKit.Benchmarks;

/// <summary>The result of a run: a row a claim, each a ratio of two things measured in this run.</summary>
internal sealed class Table
{
    private readonly List<Row> _rows = [];

    internal sealed record Row(string What, string Measured, string Against, double Ratio, double Bound, bool IsAtMost, double Spread)
    {
        public bool IsReached => IsAtMost ? Ratio <= Bound : Ratio >= Bound;
    }

    /// <summary>Adds a row, and shows it at once.</summary>
    /// <param name="what">What is measured.</param>
    /// <param name="measured">What it came to, with its unit.</param>
    /// <param name="against">The ceiling or peer, and what that came to.</param>
    /// <param name="ratio">The one by the other.</param>
    /// <param name="bound">What the ratio should reach.</param>
    /// <param name="isAtMost">Whether it should stay below.</param>
    /// <param name="spread">How far the rounds lay apart: (largest - smallest) / median of their ratios.</param>
    public void Add(string what, string measured, string against, double ratio, double bound, bool isAtMost = false, double spread = 0)
    {
        var row = new Row(what, measured, against, ratio, bound, isAtMost, spread);
        _rows.Add(row);
        Console.WriteLine(Line(row));
    }

    public void Print()
    {
        Console.WriteLine();
        Console.WriteLine("| what | measured | against | ratio | target | spread | |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var row in _rows)
            Console.WriteLine(Line(row));
    }

    private static string Line(Row row) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {row.What} | {row.Measured} | {row.Against} | {row.Ratio:0.00##} | {(row.IsAtMost ? "at most" : "at least")} {row.Bound:0.##} | ±{row.Spread * 50:0} % | {(row.IsReached ? "reached" : "MISSED")} |");
}
