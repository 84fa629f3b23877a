using System.Text.Json.Serialization;

namespace LogKit.Benchmarks.Results;

/// <summary>One claim: something measured, beside a ceiling or a peer that was measured in the same run.</summary>
/// <param name="What">What is measured.</param>
/// <param name="Measured">What it came to.</param>
/// <param name="Peer">The ceiling or peer.</param>
/// <param name="Against">What that came to.</param>
/// <param name="Ratio">The one by the other: the median of the rounds.</param>
internal sealed record Row(string What, Figure Measured, string Peer, Figure Against, double Ratio)
{
    /// <summary>What the ratio should reach, or stay below; null for what is only shown.</summary>
    public Bound? Target { get; init; }

    /// <summary>What follows the ratio where it is none: a difference's unit.</summary>
    public string Unit { get; init; } = "";

    /// <summary>How far the rounds lay apart: (largest - smallest) / median of their ratios.</summary>
    public double Spread { get; init; }

    /// <summary>What a record costs each of the two; none where they are no servers, or not .NET's.</summary>
    public IReadOnlyList<Cost> Costs { get; init; } = [];

    [JsonIgnore]
    public string Verdict => Target is not { } target ? "" : target.Admits(Ratio) ? "reached" : "MISSED";

    /// <summary>A limit from below or from above.</summary>
    internal readonly record struct Bound(double Value, bool IsAtMost)
    {
        public static Bound AtLeast(double value) => new(value, IsAtMost: false);

        public static Bound AtMost(double value) => new(value, IsAtMost: true);

        public bool Admits(double ratio) => IsAtMost ? ratio <= Value : ratio >= Value;

        public override string ToString() => FormattableString.Invariant($"{(IsAtMost ? "at most" : "at least")} {Value:0.####}");
    }
}
