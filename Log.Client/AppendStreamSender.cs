using System.Collections.Concurrent;
using Grpc.Core;
using LogKit.Client.Producing;
using LogKit.V1.Envelope;

namespace LogKit.Client;

/// <summary>
/// The sending half of one ProduceStream call: sends batches as fast as the transport takes them, and remembers in their order those
/// that are not answered yet. Ends the request stream in any case, so that the server answers all that it got and then ends the call.
/// </summary>
internal sealed class AppendStreamSender(IClientStreamWriter<ProduceRequest> requests)
{
    private readonly ConcurrentQueue<RecordBatch> _unanswered = new();
    private volatile bool _isComplete;

    /// <summary>Whether nothing more is sent.</summary>
    public bool IsComplete => _isComplete;

    /// <summary>Fails as the source does, or as a write does; the call's own status, if it has one, then says more.</summary>
    public async Task SendAsync(IAsyncEnumerable<ConditionalBatch> batches, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var append in batches.WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                if (append.Batch.Count == 0)
                    throw new ArgumentException("batch must not be empty", nameof(batches));
                _unanswered.Enqueue(append.Batch); // first: its answer may be here before the write returns
                if (!await TryWriteAsync(append.ToRequest(), cancellationToken).ConfigureAwait(false))
                    return;
            }
        }
        finally
        {
            _isComplete = true;
            await CompleteAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The batch that the next answer is for.</summary>
    /// <exception cref="LogException">There is none.</exception>
    public RecordBatch TakeAnswered() =>
        _unanswered.TryDequeue(out var batch) ? batch : throw new LogException("the server answered an append that was not sent");

    /// <exception cref="AppendOutcomeUnknownException">The call ended well with appends that were never answered.</exception>
    public void RequireAllAnswered()
    {
        if (!_unanswered.IsEmpty)
            throw new AppendOutcomeUnknownException("the append's outcome is unknown: the server ended the stream without an answer");
    }

    /// <summary>False where the server has ended the call: its status then says why, or that batches are left unanswered does.</summary>
    private async Task<bool> TryWriteAsync(ProduceRequest request, CancellationToken cancellationToken)
    {
        try
        {
            await requests.WriteAsync(request, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (exception is InvalidOperationException or RpcException { StatusCode: StatusCode.OK })
        {
            return false;
        }
    }

    private async Task CompleteAsync()
    {
        try
        {
            await requests.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RpcException or InvalidOperationException
            or OperationCanceledException or ObjectDisposedException)
        {
            // The call is over, and has a status that says why.
        }
    }
}
