using System.Text.Json.Serialization;

namespace LogKit.Benchmarks.Results;

/// <summary>One claim: a measurement, compared with a ceiling or a peer that was measured in the same run.</summary>
/// <param name="What">What is measured.</param>
/// <param name="Measured">The result of the measurement.</param>
/// <param name="Peer">The ceiling or peer.</param>
/// <param name="Against">The result of the ceiling or peer.</param>
/// <param name="Ratio">The first result divided by the second: the median of the rounds.</param>
internal sealed record Row(string What, Figure Measured, string Peer, Figure Against, double Ratio)
{
    /// <summary>The limit on the ratio; null if the row has no target.</summary>
    public Bound? Target { get; init; }

    /// <summary>The unit of the ratio where it is not a ratio; otherwise empty.</summary>
    public string Unit { get; init; } = "";

    /// <summary>The spread of the ratios of the rounds: (largest - smallest) / median.</summary>
    public double Spread { get; init; }

    /// <summary>The cost of a record for each of the two servers; empty if they are not servers, or not .NET processes.</summary>
    public IReadOnlyList<Cost> Costs { get; init; } = [];

    [JsonIgnore]
    public string Verdict => Target is not { } target ? "" : target.Admits(Ratio) ? "reached" : "MISSED";

    /// <summary>A lower or an upper limit.</summary>
    internal readonly record struct Bound(double Value, bool IsAtMost)
    {
        public static Bound AtLeast(double value) => new(value, IsAtMost: false);

        public static Bound AtMost(double value) => new(value, IsAtMost: true);

        public bool Admits(double ratio) => IsAtMost ? ratio <= Value : ratio >= Value;

        public override string ToString() => FormattableString.Invariant($"{(IsAtMost ? "at most" : "at least")} {Value:0.####}");
    }
}
