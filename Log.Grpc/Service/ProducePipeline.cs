using System.Threading.Channels;
using Grpc.Core;
using LogKit.Grpc.Errors;
using LogKit.Grpc.Guard;
using LogKit.Grpc.Observability;
using LogKit.Grpc.Streams;
using LogKit.V1;

namespace LogKit.Grpc.Service;

/// <summary>
/// One ProduceStream call. Requests are read ahead and handed to the log while earlier ones are being flushed, so that one stream
/// fills groups; answers go out in the order of the requests. What is on its way is bounded, and the transport then holds back the
/// sender.
/// </summary>
internal sealed class ProducePipeline(
    ILog log, IAsyncStreamReader<V1.Envelope.ProduceRequest> requests, IServerStreamWriter<ProduceResponse> responses,
    GuardedCall call, LiveStream stream, ServiceMetrics metrics)
{
    /// <summary>How many bytes of batches of one stream are on their way at most, unless a single batch is larger.</summary>
    private const long LimitBytes = 8 * 1024 * 1024;

    /// <summary>What a small batch counts as, so that no more than a thousand are on their way.</summary>
    private const long MinBytes = LimitBytes / 1024;

    private readonly Channel<Append> _appends = Channel.CreateUnbounded<Append>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly ByteBudget _budget = new(LimitBytes);

    private readonly record struct Append(ValueTask<ulong> Offset, int Records, int SizeBytes, long HeldBytes, long Started);

    /// <summary>Runs until the client has half-closed and all is answered, or until the first failure.</summary>
    public async Task RunAsync()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stream.CallEnded);
        using var stopReading = CancellationTokenSource.CreateLinkedTokenSource(stream.Ending);
        var reading = ReadAsync(stopReading.Token, ending.Token);
        try
        {
            await AnswerAsync();
            await reading;
        }
        catch
        {
            // Appends after the failed one that the log has not begun are withdrawn; no answer tells of the others.
            await stopReading.CancelAsync();
            await ending.CancelAsync();
            await reading;
            await ObserveRestAsync();
            throw;
        }
    }

    private async Task ReadAsync(CancellationToken stopReading, CancellationToken ending)
    {
        var isReceiving = true;
        try
        {
            while (await requests.MoveNext(stopReading))
            {
                isReceiving = false;
                if (!await TryAppendAsync(requests.Current, ending))
                    break; // what comes after it is not for the log any more
                isReceiving = true;
            }

            _appends.Writer.Complete();
        }
        catch (Exception exception)
        {
            // Told to the answering side, which passes it on once all that came before is answered.
            _appends.Writer.Complete(exception switch
            {
                OperationCanceledException when stream.Reason is { } reason => reason,
                StatusException own => own,
                // The transport's word, for example on a message's size.
                RpcException own when isReceiving => new StatusException(own.Status, own.Trailers),
                IOException or InvalidDataException when isReceiving => // the client's mistake, or its connection's end
                    RequestException.Malformed("request", "it is not a message as gRPC frames it"),
                _ => exception,
            });
        }
    }

    /// <summary>Hands an append to the log, and its outcome to the answering side; false where it is refused already.</summary>
    private async ValueTask<bool> TryAppendAsync(V1.Envelope.ProduceRequest request, CancellationToken ending)
    {
        var batch = Requests.BatchOf(request);
        var heldBytes = call.Claim(batch.SizeBytes);
        await _budget.TakeAsync(Charge(batch.SizeBytes), ending);
        var started = metrics.Start();
        var append = new Append(
            log.AppendBatchAsync(batch, Requests.ExpectedOffsetOf(request), ending), batch.Count, batch.SizeBytes, heldBytes, started);
        if (!log.AppendsInCallOrder)
            append = append with { Offset = new ValueTask<ulong>(await append.Offset) };
        var isRefused = append.Offset is { IsCompleted: true, IsCompletedSuccessfully: false }; // asked while it is still this side's
        _appends.Writer.TryWrite(append);
        return !isRefused;
    }

    private async Task AnswerAsync()
    {
        await foreach (var append in _appends.Reader.ReadAllAsync(stream.CallEnded))
        {
            var offset = await append.Offset;
            metrics.CountAppend(append.Records, append.SizeBytes, append.Started);
            _budget.Return(Charge(append.SizeBytes));
            call.Return(append.HeldBytes);

            // Answers of one group go out together.
            var isFollowed = _appends.Reader.TryPeek(out var following) && following.Offset.IsCompleted;
            await stream.WriteAsync(responses, new ProduceResponse { FirstOffset = offset }, isFollowed);
        }
    }

    private static long Charge(int sizeBytes) => Math.Max(sizeBytes, MinBytes);

    private async Task ObserveRestAsync()
    {
        try
        {
            await foreach (var append in _appends.Reader.ReadAllAsync(CancellationToken.None))
                await ((Task)append.Offset.AsTask()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // The reading side has failed too; the first failure is the one that is told.
        }
    }
}
