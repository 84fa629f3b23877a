using System.Collections.Concurrent;

namespace LogKit.Client.Producing;

/// <summary>
/// How a producer mode resolves unanswered batches after a failed call. Used by one loop, for one call at a time.
/// </summary>
/// <remarks>
/// What the client retries, in one place: the channel retries single reads and range requests on an unavailable server (<c>LogChannel</c>);
/// a tail reconnects and resumes at its next offset (<c>LogTail</c>); a <see cref="BatchingProducer"/> resends what certainly was not
/// stored, which in <see cref="ProducerMode.Shared"/> is only what was never sent, and in <see cref="ProducerMode.Exclusive"/> what a read
/// does not find at its offset. An append whose outcome is unknown is never repeated, neither by the channel nor by <see cref="GrpcLog"/>.
/// </remarks>
internal interface IResendPolicy
{
    /// <summary>Prepares the policy. Called before anything is sent.</summary>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>The expected offset of the next batch, if any.</summary>
    ulong? NextExpected(int recordCount);

    /// <summary>
    /// Resolves the batches that were unanswered when a call failed: removes those whose outcome it settles from the queue, and leaves
    /// those that are to be resent. An exception ends the producer.
    /// </summary>
    Task ResolveAsync(ConcurrentQueue<SentBatch> unanswered, Exception failure, CancellationToken cancellationToken);
}
