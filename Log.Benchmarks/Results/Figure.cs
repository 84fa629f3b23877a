using System.Globalization;

namespace LogKit.Benchmarks.Results;

/// <summary>A number with its unit, which is appended as it is: <c>/s</c>, <c> MB/s</c>, <c> ms</c>.</summary>
internal readonly record struct Figure(double Value, string Unit)
{
    public override string ToString() =>
        Value.ToString(Math.Abs(Value) switch { >= 100 => "N0", >= 10 => "0.0", _ => "0.00" }, CultureInfo.InvariantCulture) + Unit;
}
