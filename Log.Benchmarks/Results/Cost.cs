namespace LogKit.Benchmarks.Results;

/// <summary>What one record costs a server, and what it costs those who send or take it.</summary>
/// <param name="Server">Which server.</param>
/// <param name="ServerMicroseconds">Processor time of the server.</param>
/// <param name="ClientMicroseconds">Processor time of the client.</param>
/// <param name="AllocatedBytes">Managed memory that the server allocated.</param>
/// <param name="PoolItems">Work items of the server's thread pool: hops from thread to thread.</param>
/// <param name="Contentions">Locks of the server that were held by another.</param>
/// <param name="CollectingPercent">The share of the time that the server's garbage collections took.</param>
internal sealed record Cost(
    string Server,
    double ServerMicroseconds,
    double ClientMicroseconds,
    double AllocatedBytes,
    double PoolItems,
    double Contentions,
    double CollectingPercent);
