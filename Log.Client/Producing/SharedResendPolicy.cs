using System.Collections.Concurrent;
using Grpc.Core;

namespace LogKit.Client.Producing;

/// <summary>
/// With other writers, reading the log reveals nothing. The failure applies to the first unanswered batch; the outcome of those sent after
/// it is unknown. Batches are resent only if no connection was established, so that they were never sent.
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
                    $"the append's outcome is unknown: an earlier one failed ({failure.Message})", failure);
        }

        return Task.CompletedTask;
    }
}
