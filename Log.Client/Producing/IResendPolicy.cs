using System.Collections.Concurrent;

namespace LogKit.Client.Producing;

/// <summary>What a mode of producing makes of a lost connection. Used by one loop, one call at a time.</summary>
internal interface IResendPolicy
{
    /// <summary>Before anything is sent.</summary>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>The offset that the next batch has to get, if any.</summary>
    ulong? NextExpected(int recordCount);

    /// <summary>
    /// A call failed with these batches unanswered: takes those out of the queue whose outcome it settles, and leaves those that are to
    /// be sent again. An exception ends the producer.
    /// </summary>
    Task ResolveAsync(ConcurrentQueue<SentBatch> unanswered, Exception failure, CancellationToken cancellationToken);
}
