using System.Threading.Channels;
using Grpc.Core;
using LogKit.Grpc.Errors;
using LogKit.Grpc.Guard;
using LogKit.Grpc.Observability;
using LogKit.Grpc.Streams;
using LogKit.V1;

namespace LogKit.Grpc.Service;

/// <summary>
/// A ProduceStream call. Requests are read and appended while earlier ones are being flushed, so that one stream fills groups. Responses
/// are sent in the order of the requests. The appends in flight are limited; beyond that, flow control of the transport holds back the
/// sender.
/// </summary>
internal sealed class ProducePipeline(
    ILog log, IAsyncStreamReader<V1.Envelope.ProduceRequest> requests, IServerStreamWriter<ProduceResponse> responses,
    GuardedCall call, LiveStream stream, ServiceMetrics metrics)
{
    /// <summary>The limit on the batches in flight of a stream, in bytes, unless a single batch is larger.</summary>
    private const long LimitBytes = 8 * 1024 * 1024;

    /// <summary>The minimum that a batch counts as, so that at most about a thousand are in flight.</summary>
    private const long MinBytes = LimitBytes / 1024;

    private readonly Channel<Append> _appends = Channel.CreateUnbounded<Append>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly ByteBudget _budget = new(LimitBytes);

    private readonly record struct Append(ValueTask<ulong> Offset, int Records, int SizeBytes, long HeldBytes, long Started);

    /// <summary>Runs until the client has completed its requests and all are answered, or until the first failure.</summary>
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
            // Withdraws later appends that the log has not begun. The outcome of the others is not reported.
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
                    break; // later requests no longer go to the log
                isReceiving = true;
            }

            _appends.Writer.Complete();
        }
        catch (Exception exception)
        {
            // Passed to the responding side, which reports it once all earlier requests are answered.
            _appends.Writer.Complete(exception switch
            {
                OperationCanceledException when stream.Reason is { } reason => reason,
                StatusException own => own,
                // A status of the transport, for example for the size of a message.
                RpcException own when isReceiving => new StatusException(own.Status, own.Trailers),
                IOException or InvalidDataException when isReceiving => // the client's mistake, or its connection's end
                    RequestException.Malformed("request", "it is not a gRPC message"),
                _ => exception,
            });
        }
    }

    /// <summary>Starts an append, and passes its outcome to the responding side. Returns false if it was refused.</summary>
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
        // Checked before the responding side consumes it.
        var isRefused = append.Offset is { IsCompleted: true, IsCompletedSuccessfully: false };
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

            // Responses of a group are sent together.
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
            // The reading side has failed, too. The first failure is reported.
        }
    }
}
