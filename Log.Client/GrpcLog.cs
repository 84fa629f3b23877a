using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Net.Client;
using LogKit.Client.Connecting;
using LogKit.Client.Producing;
using LogKit.V1;

namespace LogKit.Client;

/// <summary>A log on a server, with the same guarantees and the same exceptions as a local log.</summary>
/// <remarks>
/// If the answer to an append is lost, the append fails with <see cref="AppendOutcomeUnknownException"/>; this class never retries appends.
/// If a server cannot be reached, calls fail with <see cref="LogUnavailableException"/>. Disposal ends the waits and connections of this
/// object. It does not affect the log on the server.
/// </remarks>
public sealed class GrpcLog : ILog
{
    private static readonly TimeSpan MaxDeadline = TimeSpan.FromDays(1);

    private readonly CallInvoker _invoker;
    private readonly GrpcChannel? _ownedChannel;
    private readonly TimeSpan? _deadline;
    private readonly CancellationTokenSource _disposing = new();

    /// <summary>Uses an existing channel, which must allow messages as large as the server's largest batch.</summary>
    /// <param name="channel">The channel. It stays open when this object is disposed.</param>
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

    /// <summary>Opens a log at an address such as <c>http://127.0.0.1:8400</c>. Connects on first use.</summary>
    /// <remarks>
    /// If the address names several servers, all must serve the same log. Calls are distributed round robin over those that can be reached.
    /// Single reads are retried a few times if a server is unavailable; appends never are. A single <c>https://</c> address is reached
    /// through the proxy that is configured in the environment (<c>https_proxy</c>, <c>all_proxy</c>, <c>no_proxy</c>); all others are
    /// reached directly.
    /// </remarks>
    /// <param name="address">
    /// One or more <c>http://</c> or <c>https://</c> URLs, separated by commas, or <c>dns:///host:port</c>.
    /// </param>
    /// <param name="options">The options; the defaults if null.</param>
    /// <exception cref="ArgumentException">
    /// The address, an option, or a file is invalid. The message says which and why.
    /// </exception>
    public static GrpcLog Connect(string address, GrpcLogOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        options ??= new GrpcLogOptions();
        if (options.Deadline is { } deadline && (deadline <= TimeSpan.Zero || deadline > MaxDeadline))
            throw new ArgumentException($"invalid deadline {deadline}: it must be positive and at most {MaxDeadline}");
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
    /// Completes once the record at an offset can be read. If the offset is more than one batch past the end, the records before it are
    /// received, too, because the protocol has no call that only waits.
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
                // Appended and truncated meanwhile. The new range shows whether the offset was reached.
            }
        }
    }

    /// <summary>
    /// Reads batches from an offset on, in one call to the server, each with the offset of its first record. At the end of the log, waits
    /// for more.
    /// </summary>
    /// <param name="offset">The offset of the first record to read; at most the next offset.</param>
    /// <param name="stopAtEnd">Whether to stop at the end of the log as of the start of the call, instead of waiting.</param>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    /// <exception cref="OffsetOutOfRangeException">The offset is past the end, or has been truncated.</exception>
    public IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> ReadFromAsync(
        ulong offset, bool stopAtEnd, CancellationToken cancellationToken = default)
    {
        ThrowIfEnded(cancellationToken);
        return ReadFromAsync(new ConsumeRequest { Offset = offset, StopAtEnd = stopAtEnd }, cancellationToken);
    }

    /// <summary>
    /// Reads batches from an offset on, forever, across interruptions. While the server is unavailable, retries at intervals that grow from
    /// 50 ms to 2 s, then continues at exactly the next offset. No record is skipped or repeated.
    /// </summary>
    /// <param name="offset">The offset of the first record to read; at most the next offset.</param>
    /// <param name="interrupted">Called for each interruption and each failed attempt, before the next attempt. May be null.</param>
    /// <param name="cancellationToken">
    /// Cancels the enumeration. Otherwise, it ends only with an exception, for example when this object is disposed.
    /// </param>
    /// <exception cref="OffsetOutOfRangeException">
    /// The offset has been truncated, or is past the end, possibly of a log that lost records.
    /// </exception>
    /// <exception cref="LogAccessException">The caller is not permitted to read.</exception>
    /// <exception cref="LogException">The server sent wrong records, or reported an error that a retry does not fix.</exception>
    public IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> TailAsync(
        ulong offset, Action<LogUnavailableException>? interrupted = null, CancellationToken cancellationToken = default)
    {
        ThrowIfEnded(cancellationToken);
        return LogTail.ReadAsync(this, offset, interrupted, cancellationToken);
    }

    /// <summary>
    /// Appends batches in order, in one call to the server, and yields each with its first offset once it is acknowledged. Batches are
    /// pipelined as far as the server accepts them, so memory is bounded, and a single caller benefits from group commit.
    /// </summary>
    /// <remarks>
    /// If it fails, all batches that it yielded are in the log, and any batch after them may be. If the source fails, its exception is
    /// thrown once everything that was sent is answered. Leaving the enumeration early cancels the call.
    /// </remarks>
    /// <param name="batches">
    /// The batches. Enumerated while answers are awaited. The source must observe its token, or leaving the enumeration waits for it.
    /// </param>
    /// <param name="cancellationToken">Cancels the call and the enumeration of the source.</param>
    /// <exception cref="ArgumentException">A batch is empty or too large. The batches before it are appended.</exception>
    public IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> AppendStreamAsync(
        IAsyncEnumerable<RecordBatch> batches, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batches);
        return AppendStreamAsync(ConditionalBatch.Unconditional(batches, CancellationToken.None), cancellationToken);
    }

    /// <summary>
    /// The same, with a condition for each batch. If one is not met, the call fails after the answers to the batches before it.
    /// </summary>
    internal IAsyncEnumerable<(ulong FirstOffset, RecordBatch Batch)> AppendStreamAsync(
        IAsyncEnumerable<ConditionalBatch> batches, CancellationToken cancellationToken)
    {
        ThrowIfEnded(cancellationToken);
        return AppendStreamCoreAsync(batches, cancellationToken);
    }

    /// <summary>Ends pending calls. Closes the connections if this object was created by <see cref="Connect"/>.</summary>
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
            {
                throw new AppendOutcomeUnknownException(
                    "the append's outcome is unknown: the server ended the stream before the batch was sent");
            }

            await RethrowAsync(sending, cancellationToken).ConfigureAwait(false);
            sent.RequireAllAnswered();
        }
        finally
        {
            await ending.CancelAsync().ConfigureAwait(false);
            await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
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

    /// <summary>Translates the exception of a failed call; null if it needs no translation.</summary>
    private Exception? Translate(Exception exception, bool isAppend, CancellationToken cancellationToken)
    {
        if (exception is not (RpcException or OperationCanceledException or ObjectDisposedException))
            return null;
        if (cancellationToken.IsCancellationRequested)
            return new OperationCanceledException("the call was canceled", exception, cancellationToken);
        if (_disposing.IsCancellationRequested || exception is ObjectDisposedException)
        {
            return isAppend
                ? new AppendOutcomeUnknownException(
                    "the append's outcome is unknown: the client was disposed before the server answered", exception)
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
