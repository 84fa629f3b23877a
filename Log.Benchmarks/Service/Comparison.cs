using LogKit.Benchmarks.Results;
using LogKit.Client;

namespace LogKit.Benchmarks.Service;

/// <summary>Puts two servers under the same load in turn, and the result into the table.</summary>
internal sealed class Comparison(Table table)
{
    /// <param name="what">What is measured.</param>
    /// <param name="peer">What it is measured against.</param>
    /// <param name="target">What the ratio should reach; null for what is only shown.</param>
    /// <param name="first">What is measured.</param>
    /// <param name="second">What it is measured against.</param>
    /// <param name="load">What both get; gives the number of records.</param>
    public async Task RunAsync(
        string what, string peer, Row.Bound? target, ServerProcess first, ServerProcess second, Func<GrpcLog, Task<long>> load)
    {
        await using var firstLog = GrpcLog.Connect(first.Address);
        await using var secondLog = GrpcLog.Connect(second.Address);
        await using var firstSide = new ComparedServer("LogKit", first, () => load(firstLog));
        await using var secondSide = new ComparedServer(peer, second, () => load(secondLog));
        await RunAsync(what, target, firstSide, secondSide);
    }

    /// <summary>The same, with a load of its own for each.</summary>
    public async Task RunAsync(string what, Row.Bound? target, ComparedServer first, ComparedServer second)
    {
        var result = await Rounds.CompareAsync(first.RunAsync, second.RunAsync);
        table.Add(result.ToRow(what, second.Name, " records/s", target) with { Costs = [first.GetCost(), second.GetCost()] });
    }
}
