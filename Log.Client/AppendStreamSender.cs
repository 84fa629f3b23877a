using System.Collections.Concurrent;
using Grpc.Core;
using LogKit.Client.Producing;
using LogKit.V1.Envelope;

namespace LogKit.Client;

/// <summary>
/// The sending side of a ProduceStream call: sends batches as fast as the transport accepts them, and keeps the unanswered ones in order.
/// Always completes the request stream, so that the server answers everything it received and then ends the call.
/// </summary>
internal sealed class AppendStreamSender(IClientStreamWriter<ProduceRequest> requests)
{
    private readonly ConcurrentQueue<RecordBatch> _unanswered = new();
    private volatile bool _isComplete;

    /// <summary>Whether everything has been sent.</summary>
    public bool IsComplete => _isComplete;

    /// <summary>Fails if the source or a write fails. If the call has a status, it says more.</summary>
    public async Task SendAsync(IAsyncEnumerable<ConditionalBatch> batches, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var append in batches.WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                if (append.Batch.Count == 0)
                    throw new ArgumentException("batch must not be empty", nameof(batches));
                _unanswered.Enqueue(append.Batch); // before the write, because the answer may arrive before it returns
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

    /// <summary>Takes the batch that the next answer is for.</summary>
    /// <exception cref="LogException">No batch is unanswered.</exception>
    public RecordBatch TakeAnswered() =>
        _unanswered.TryDequeue(out var batch) ? batch : throw new LogException("the server answered an append that was not sent");

    /// <exception cref="AppendOutcomeUnknownException">The call ended successfully, but some appends have no answer.</exception>
    public void RequireAllAnswered()
    {
        if (!_unanswered.IsEmpty)
            throw new AppendOutcomeUnknownException("the append's outcome is unknown: the server ended the stream without an answer");
    }

    /// <summary>Returns false if the server has ended the call. The status, or the unanswered batches, show why.</summary>
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
            // The call has ended. Its status says why.
        }
    }
}
