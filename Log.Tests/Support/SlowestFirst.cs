using LogKit.Tests.Support;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer($"LogKit.Tests.Support.{nameof(SlowestFirst)}", "LogKit.Tests")]

namespace LogKit.Tests.Support;

/// <summary>
/// Begins the classes that wait longest first, so that none of them is left running alone at the end. The others stay in the order in
/// which they come, which is another one each time.
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
