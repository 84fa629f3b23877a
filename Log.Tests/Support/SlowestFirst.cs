using LogKit.Tests.Support;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer($"LogKit.Tests.Support.{nameof(SlowestFirst)}", "LogKit.Tests")]

namespace LogKit.Tests.Support;

/// <summary>
/// Starts the slowest test classes first, so that none of them runs alone at the end. The other classes keep their order, which is
/// different on each run.
/// </summary>
public sealed class SlowestFirst : ITestCollectionOrderer
{
    private static readonly string[] Slow =
    ["PostgresLogConformance", "GrpcLogOverPostgresConformance", "FailoverTests", "PowerLossTests", "StalledClientTests"];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection =>
            Array.FindIndex(Slow, name => collection.DisplayName.Contains(name, StringComparison.Ordinal)) switch
            {
                -1 => int.MaxValue,
                var rank => rank,
            });
}
