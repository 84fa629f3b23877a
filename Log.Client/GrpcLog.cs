using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Net.Client;
using LogKit.Client.Connecting;
using LogKit.Client.Producing;
using LogKit.V1;

namespace LogKit.Client;

/// <summary>A log on a server, as a local object: the same promises and the same exceptions as a log in this process.</summary>
/// <remarks>
/// An append whose answer was lost on the way ends with <see cref="AppendOutcomeUnknownException"/> and is never repeated by this
/// class; a server that cannot be reached at all gives <see cref="LogUnavailableException"/>. The log on the server is not this
/// object's: disposing ends this object's waits and connection, and leaves the log as it is.
/// </remarks>
public sealed class GrpcLog : ILog
{
    private static readonly TimeSpan MaxDeadline = TimeSpan.FromDays(1);

    private readonly CallInvoker _invoker;
    private readonly GrpcChannel? _ownedChannel;
    private readonly TimeSpan? _deadline;
    private readonly CancellationTokenSource _disposing = new();

    /// <summary>A log over a channel of the caller's, which has to allow messages as large as the server's largest batch.</summary>
    /// <param name="channel">Stays open when this object is disposed.</param>
    public GrpcLog(ChannelBase channel)
        : this((channel ?? throw new ArgumentNullException(nameof(channel))).CreateCallInvoker(), ownedChannel: null, deadline: null)
    {
    }

    private GrpcLog(CallInvoker invoker, GrpcChannel? ownedChannel, TimeSpan? deadline)
    {
        _invoker = invoker;
        _ownedChannel = ownedChannel;
        _deadline = deadline;
    }

    /// <summary>A log at an address such as <c>http://127.0.0.1:8400</c>. Connects on first use.</summary>
    /// <remarks>
    /// Calls are spread over the servers in turn, around those that cannot be reached, where the address names several, which all serve
    /// one log. Single reads are tried again, a few times, on a server that is unavailable; appends never are. A single <c>https://</c>
    /// address is reached through the proxy that the environment names for it (<c>https_proxy</c>, <c>all_proxy</c>, <c>no_proxy</c>); all
    /// others are reached directly.
    /// </remarks>
    /// <param name="address">
    /// <c>http://</c> or <c>https://</c>, one or several with commas between them; or <c>dns:///host:port</c>.
    /// </param>
    /// <param name="options">How to reach it, and as whom; the defaults if null.</param>
    /// <exception cref="ArgumentException">
    /// The address, an option or a file that it names is wrong; the message says which and how.
    /// </exception>
    public static GrpcLog Connect(string address, GrpcLogOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        options ??= new GrpcLogOptions();
        if (options.Deadline is { } deadline && (deadline <= TimeSpan.Zero || deadline > MaxDeadline))
            throw new ArgumentException($"the deadline {deadline} is wrong: it must be positive, and at most {MaxDeadline}");
        var channel = LogChannel.Open(address, options);
        return new GrpcLog(channel.CreateCallInvoker(), channel, options.Deadline);
    }

    /// <inheritdoc/>
    public async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ThrowIfEnded(cancellationToken);
        if (batch.Count == 0)
            throw new ArgumentException("batch must not be empty", nameof(batch));

        var request = new ConditionalBatch(batch, expectedOffset).ToRequest();
        var response = await CallAsync(LogMethods.Produce, request, isAppend: true, cancellationToken).ConfigureAwait(false);
        return response.FirstOffset;
    }

    /// <inheritdoc/>
    public async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        ThrowIfEnded(cancellationToken);
        var request = new ConsumeRequest { Offset = offset };
        var response = await CallAsync(LogMethods.Consume, request, isAppend: false, cancellationToken).ConfigureAwait(false);
        return BatchOf(response);
    }

    /// <inheritdoc/>
    public async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfEnded(cancellationToken);
        var response = await CallAsync(LogMethods.GetRange, new GetRangeRequest(), isAppend: false, cancellationToken)
            .ConfigureAwait(false);
        return new LogRange(response.StartOffset, response.NextOffset);
    }

    /// <summary>
    /// Completes once an offset can be read. For an offset that lies further than one batch past the end, what is appended before
    /// it is received too: the contract has no call that only waits.
    /// </summary>
    /// <inheritdoc/>
    public async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var range = await GetRangeAsync(cancellationToken).ConfigureAwait(false);
            if (offset < range.NextOffset)
                return;
            try
            {
                await foreach (
                    var (first, batch) in ReadFromAsync(range.NextOffset, stopAtEnd: false, cancellationToken).ConfigureAwait(false))
                {
                    if (offset < first + (ulong)batch.Count)
                        return;
                }
            }
            catch (OffsetOutOfRangeException exception) when (exception.IsTruncated)
            {
                // Appended and truncated meanwhile: the new range tells whether the offset was reached.
            }
        }
    }

    /// <summary>
    /// Reads on from an offset, in one call to the server: the records of each batch with the offset of the first, and at the end
    /// of the log waits for more.
    /// </summary>
    /// <param name="offset">The first record wanted; at most the next offset.</param>
    /// <param name="stopAtEnd">Ends at the end of the log as it was when the call began, instead of waiting.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="OffsetOutOfRangeException">The offset lies past the end, or was truncated away.</exception>
    public IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> ReadFromAsync(
        ulong offset, bool stopAtEnd, CancellationToken cancellationToken = default)
    {
        ThrowIfEnded(cancellationToken);
        return ReadFromAsync(new ConsumeRequest { Offset = offset, StopAtEnd = stopAtEnd }, cancellationToken);
    }

    /// <summary>
    /// Reads on from an offset for ever, through interruptions: while the server is away, stopped or not there yet, tries again, at
    /// intervals that grow from 50 ms to 2 s, and goes on at exactly the next offset. No record is left out, none comes twice.
    /// </summary>
    /// <param name="offset">The first record wanted; at most the next offset.</param>
    /// <param name="interrupted">Told of each interruption, and of each attempt that failed, before the next one; null for nobody.</param>
    /// <param name="cancellationToken">Ends the reading, as disposing this object does: nothing else ends it well.</param>
    /// <exception cref="OffsetOutOfRangeException">
    /// The offset was truncated away, or lies past the end: possibly of a log that came back shorter than it was.
    /// </exception>
    /// <exception cref="LogAccessException">The server does not let the caller read.</exception>
    /// <exception cref="LogException">The server did not send what was asked for, or reported what trying again does not mend.</exception>
    public IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> TailAsync(
        ulong offset, Action<LogUnavailableException>? interrupted = null, CancellationToken cancellationToken = default)
    {
        ThrowIfEnded(cancellationToken);
        return LogTail.ReadAsync(this, offset, interrupted, cancellationToken);
    }

    /// <summary>
    /// Appends batch after batch, in one call to the server and in their order, and gives each with its first offset once it is
    /// acknowledged. Batches are sent ahead while answers are on their way, as far as the server takes them: so what is held in memory
    /// is bounded, and one caller profits from the server's flushing in groups.
    /// </summary>
    /// <remarks>
    /// Where it fails, all that was given back is in the log, and of what was sent after it any batch may be. A failure of the source
    /// itself is thrown on once all that was sent is answered. Leaving the enumeration early ends the call in the same way as cancelling.
    /// </remarks>
    /// <param name="batches">Read while answers are awaited, by one reader; it has to heed its token, or leaving waits for it.</param>
    /// <param name="cancellationToken">Ends the call and the reading of the source.</param>
    /// <exception cref="ArgumentException">A batch is empty, or larger than the log takes; those before it are appended.</exception>
    public IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> AppendStreamAsync(
        IAsyncEnumerable<RecordBatch> batches, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batches);
        return AppendStreamAsync(Unconditional(batches, CancellationToken.None), cancellationToken);
    }

    /// <summary>
    /// The same, with a condition for each batch: where one is not met, the call fails after the answers to those before.
    /// </summary>
    internal IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> AppendStreamAsync(
        IAsyncEnumerable<ConditionalBatch> batches, CancellationToken cancellationToken)
    {
        ThrowIfEnded(cancellationToken);
        return AppendStreamCoreAsync(batches, cancellationToken);
    }

    /// <summary>Ends pending calls, and closes the connection where <see cref="Connect"/> made it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _disposing.CancelAsync().ConfigureAwait(false);
        _ownedChannel?.Dispose();
    }

    private async IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> ReadFromAsync(
        ConsumeRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposing.Token);
        using var call = _invoker.AsyncServerStreamingCall(LogMethods.ConsumeStream, host: null, Options(ending.Token), request);
        while (await MoveNextAsync(call.ResponseStream, isAppend: false, ending.Token, cancellationToken).ConfigureAwait(false))
            yield return (call.ResponseStream.Current.FirstOffset, BatchOf(call.ResponseStream.Current));
    }

    private async IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> AppendStreamCoreAsync(
        IAsyncEnumerable<ConditionalBatch> batches, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposing.Token);
        using var call = _invoker.AsyncDuplexStreamingCall(LogMethods.ProduceStream, host: null, Options(ending.Token));
        var sent = new AppendStreamSender(call.RequestStream);
        var sending = sent.SendAsync(batches, ending.Token);
        try
        {
            while (await MoveNextAsync(call.ResponseStream, isAppend: true, ending.Token, cancellationToken).ConfigureAwait(false))
                yield return (call.ResponseStream.Current.FirstOffset, sent.TakeAnswered());

            if (!sent.IsComplete)
                throw new AppendOutcomeUnknownException("the append's outcome is unknown: the server ended the stream before all was sent");
            await RethrowAsync(sending, cancellationToken).ConfigureAwait(false);
            sent.RequireAllAnswered();
        }
        finally
        {
            await ending.CancelAsync().ConfigureAwait(false);
            await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async IAsyncEnumerable<ConditionalBatch> Unconditional(
        IAsyncEnumerable<RecordBatch> batches, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var batch in batches.WithCancellation(cancellationToken).ConfigureAwait(false))
            yield return new ConditionalBatch(batch, ExpectedOffset: null);
    }

    private async Task RethrowAsync(Task sending, CancellationToken cancellationToken)
    {
        try
        {
            await sending.ConfigureAwait(false);
        }
        catch (RpcException exception) when (Translate(exception, isAppend: true, cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    private async Task<bool> MoveNextAsync<T>(
        IAsyncStreamReader<T> responses, bool isAppend, CancellationToken ending, CancellationToken cancellationToken)
    {
        try
        {
            return await responses.MoveNext(ending).ConfigureAwait(false);
        }
        catch (Exception exception) when (Translate(exception, isAppend, cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    private async Task<TResponse> CallAsync<TRequest, TResponse>(
        Method<TRequest, TResponse> method, TRequest request, bool isAppend, CancellationToken cancellationToken)
        where TRequest : class
        where TResponse : class
    {
        using var ending = cancellationToken.CanBeCanceled
            ? CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposing.Token)
            : null;
        using var call = _invoker.AsyncUnaryCall(method, host: null, Options(ending?.Token ?? _disposing.Token, _deadline), request);
        try
        {
            return await call.ResponseAsync.ConfigureAwait(false);
        }
        catch (Exception exception) when (Translate(exception, isAppend, cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    /// <summary>What a failed call means to the caller of a log; null where the exception says it already.</summary>
    private Exception? Translate(Exception exception, bool isAppend, CancellationToken cancellationToken)
    {
        if (exception is not (RpcException or OperationCanceledException or ObjectDisposedException))
            return null;
        if (cancellationToken.IsCancellationRequested)
            return new OperationCanceledException("the call was cancelled", exception, cancellationToken);
        if (_disposing.IsCancellationRequested || exception is ObjectDisposedException)
        {
            return isAppend
                ? new AppendOutcomeUnknownException("the append's outcome is unknown: the client was disposed meanwhile", exception)
                : new ObjectDisposedException(GetType().FullName, exception);
        }

        return exception is RpcException failure ? RemoteErrors.ToException(failure, isAppend) : null;
    }

    private void ThrowIfEnded(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private static CallOptions Options(CancellationToken cancellationToken, TimeSpan? deadline = null) =>
        new(deadline: DateTime.UtcNow + deadline, cancellationToken: cancellationToken);

    private static RecordBatch BatchOf(V1.Envelope.ConsumeResponse response)
    {
        try
        {
            return RecordBatch.Decode(response.RecordBatch.Memory);
        }
        catch (FormatException exception)
        {
            throw new LogException($"the server sent a malformed batch: {exception.Message}", exception);
        }
    }
}
