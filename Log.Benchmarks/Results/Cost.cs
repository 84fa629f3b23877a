namespace LogKit.Benchmarks.Results;

/// <summary>The cost of one record, for the server and for its clients.</summary>
/// <param name="Server">The name of the server.</param>
/// <param name="ServerMicroseconds">The processor time of the server.</param>
/// <param name="ClientMicroseconds">The processor time of the clients.</param>
/// <param name="AllocatedBytes">The managed memory that the server allocated.</param>
/// <param name="PoolItems">The work items of the server's thread pool, which are switches between threads.</param>
/// <param name="Contentions">The contended lock acquisitions in the server.</param>
/// <param name="CollectingPercent">The share of time that the server's garbage collections took.</param>
internal sealed record Cost(
    string Server,
    double ServerMicroseconds,
    double ClientMicroseconds,
    double AllocatedBytes,
    double PoolItems,
    double Contentions,
    double CollectingPercent);
