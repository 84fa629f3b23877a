using LogKit.Benchmarks.Results;
using LogKit.Client;

namespace LogKit.Benchmarks.Service;

/// <summary>Puts the same load on two servers alternately, and adds the result to the table.</summary>
internal sealed class Comparison(Table table)
{
    /// <param name="what">The description of the measurement.</param>
    /// <param name="peer">The name of the server to compare with.</param>
    /// <param name="target">The limit on the ratio; null if there is no target.</param>
    /// <param name="first">The server to measure.</param>
    /// <param name="second">The server to compare with.</param>
    /// <param name="load">The load for both servers. Returns the number of records.</param>
    public async Task RunAsync(
        string what, string peer, Row.Bound? target, ServerProcess first, ServerProcess second, Func<GrpcLog, Task<long>> load)
    {
        await using var firstLog = GrpcLog.Connect(first.Address);
        await using var secondLog = GrpcLog.Connect(second.Address);
        await using var firstSide = new ComparedServer("LogKit", first, () => load(firstLog));
        await using var secondSide = new ComparedServer(peer, second, () => load(secondLog));
        await RunAsync(what, target, firstSide, secondSide);
    }

    /// <summary>Compares two servers that each have their own load.</summary>
    public async Task RunAsync(string what, Row.Bound? target, ComparedServer first, ComparedServer second)
    {
        var result = await Rounds.CompareAsync(first.RunAsync, second.RunAsync);
        table.Add(result.ToRow(what, second.Name, " records/s", target) with { Costs = [first.GetCost(), second.GetCost()] });
    }
}
