using System.Collections.Concurrent;
using Grpc.Core;

namespace LogKit.Client.Producing;

/// <summary>
/// Among other writers nothing can be found out by reading: the failure is the first unanswered batch's, and what was sent after it is
/// unknown. Only what a connection that never came about has not sent goes back into the queue.
/// </summary>
internal sealed class SharedResendPolicy : IResendPolicy
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public ulong? NextExpected(int recordCount) => null;

    public Task ResolveAsync(ConcurrentQueue<SentBatch> unanswered, Exception failure, CancellationToken cancellationToken)
    {
        SentBatch[] batches = [.. unanswered];
        unanswered.Clear();
        if (failure is LogUnavailableException { InnerException: RpcException cause } && RemoteErrors.WasNeverSent(cause))
        {
            foreach (var batch in batches.Reverse())
                batch.PutBack();
            return Task.CompletedTask;
        }

        var own = failure;
        foreach (var batch in batches)
        {
            batch.Fail(own);
            if (own is not AppendOutcomeUnknownException)
                own = new AppendOutcomeUnknownException(
                    $"the append's outcome is unknown: one before it failed ({failure.Message})", failure);
        }

        return Task.CompletedTask;
    }
}
