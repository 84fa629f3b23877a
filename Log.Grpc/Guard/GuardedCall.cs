using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using LogKit.Grpc.Errors;
using Microsoft.AspNetCore.Http.Features;

namespace LogKit.Grpc.Guard;

/// <summary>
/// A call from its arrival until the client has taken its whole response. As the reader of the request body, it checks the prefix of each
/// message and takes the message's bytes from the budget before it reads them. It records how long the call has been waiting for its
/// client. Reused for later calls of the same connection.
/// </summary>
internal sealed class GuardedCall : PipeReader, IRequestBodyPipeFeature
{
    private const int PrefixBytes = 5;

    /// <summary>
    /// Up to this size, a response is sent together with the status of the call. Waiting for it would cost each small call a write. If a
    /// connection does not take even that, the transport closes it, because it requires a minimum data rate.
    /// </summary>
    private const int SmallBytes = 4 * 1024;

    /// <summary>The largest request of services other than the log.</summary>
    private const int OtherMessageLimitBytes = 64 * 1024;

    private readonly CallGuard _guard;
    private readonly ClientConnection _connection;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly GuardedWriter _writer;

    private HttpContext? _http; // under _gate; null between calls
    private PipeReader _request = null!; // of this call; this field and the next ones are used by the reading side only
    private CallKind _kind = null!;
    private SequencePosition _start;
    private long _messageBytes; // the length of the current message, including its prefix; 0 if it is not known yet
    private long _chargedBytes; // the bytes taken for the latest message
    private bool _isWithin; // a message has begun and is incomplete
    private int _messages;

    private long _heldBytes; // Interlocked: the bytes that the call holds in all
    private long _readingSince; // Volatile: since when the call has waited for the rest of a request; 0 if it does not
    private long _writingSince; // Volatile: since when the call has waited for the client to take data; 0 if it does not
    private bool _isLate; // Volatile: the request took too long to arrive

    public GuardedCall(CallGuard guard, ClientConnection connection)
    {
        (_guard, _connection, _time) = (guard, connection, guard.Time);
        _writer = new GuardedWriter(this);
    }

    PipeReader IRequestBodyPipeFeature.Reader => this;

    public ClientConnection Connection => _connection;

    public CallKind Kind => _kind;

    /// <summary>How the call counts against the limit on calls. Set by the guard only.</summary>
    public CallCount Count { get; set; }

    /// <summary>The guarded call of a request; null if its endpoint is not guarded.</summary>
    public static GuardedCall? Of(HttpContext context) => context.Features.Get<IRequestBodyPipeFeature>() as GuardedCall;

    public void Begin(HttpContext http, CallKind kind)
    {
        Debug.Assert(_heldBytes == 0, "the call before has not returned what it held");
        (_kind, _request) = (kind, http.Request.BodyReader);
        (_messageBytes, _chargedBytes, _isWithin, _messages) = (0, 0, false, 0);
        (_readingSince, _writingSince, _isLate) = (0, 0, false);
        if (kind.IsGrpc)
            http.Features.Set<IRequestBodyPipeFeature>(this);
        _writer.Begin(http);
        lock (_gate)
            _http = http;
    }

    public void End()
    {
        lock (_gate)
            _http = null;
        _connection.Share.Return(Interlocked.Exchange(ref _heldBytes, 0));
        _connection.End(this);
    }

    /// <summary>Takes bytes from the budget, if there are enough. The call holds them until it returns them or ends.</summary>
    public bool TryTake(long bytes)
    {
        if (!_connection.Share.TryTake(bytes))
            return false;
        Interlocked.Add(ref _heldBytes, bytes);
        return true;
    }

    /// <summary>Takes bytes from the budget, once there are enough.</summary>
    public ValueTask TakeAsync(long bytes, CancellationToken cancellationToken) =>
        TryTake(bytes) ? ValueTask.CompletedTask : new ValueTask(WaitAndTakeAsync(bytes, cancellationToken));

    public void Return(long bytes)
    {
        if (bytes == 0)
            return;
        Interlocked.Add(ref _heldBytes, -bytes);
        _connection.Share.Return(bytes);
    }

    /// <summary>
    /// Transfers the bytes that were taken for the latest message to the caller, who returns them. Otherwise, the end of the call does.
    /// </summary>
    /// <param name="sizeBytes">The number of bytes that the caller needs. The rest of what was taken is returned here.</param>
    /// <returns>The number of bytes that the caller now holds.</returns>
    public long Claim(int sizeBytes)
    {
        var charged = _chargedBytes;
        var claimed = Math.Min(charged, PrefixBytes + (long)sizeBytes);
        _chargedBytes = 0;
        Return(charged - claimed);
        return claimed;
    }

    /// <summary>Waits until the connection has taken what was written, unless it is a small amount.</summary>
    public async ValueTask FlushAsync()
    {
        if (_writer.UnflushedBytes > SmallBytes)
            await _writer.FlushAsync(CallEnded);
    }

    /// <summary>Records that the call now waits for its client.</summary>
    public void BeginWriting() => Volatile.Write(ref _writingSince, _time.GetTimestamp());

    public void EndWriting() => Volatile.Write(ref _writingSince, 0);

    /// <summary>
    /// Ends the call if it has waited too long: with a status if it waits for its request, with a reset if it waits for its response to be
    /// taken.
    /// </summary>
    public bool CutIfStalled(long requestLimitMs, long answerLimitMs)
    {
        var reading = Volatile.Read(ref _readingSince);
        var writing = Volatile.Read(ref _writingSince);
        if (reading == 0 && writing == 0)
            return false;
        lock (_gate)
        {
            if (_http is null)
                return false;
            if (writing != 0 && writing == Volatile.Read(ref _writingSince) && MsSince(writing) > answerLimitMs)
            {
                _http.Abort();
                return true;
            }

            if (reading == 0
                || reading != Volatile.Read(ref _readingSince)
                || MsSince(reading) <= requestLimitMs
                || Volatile.Read(ref _isLate))
                return false;
            Volatile.Write(ref _isLate, true);
            _request.CancelPendingRead();
            return true;
        }
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var reading = _request.ReadAsync(cancellationToken);
        if (!reading.IsCompletedSuccessfully)
            return AwaitAndAdmitAsync(reading, cancellationToken);
        var result = reading.Result;
        return TryAdmit(result) ? ValueTask.FromResult(result) : TakeAndAdmitAsync(result, cancellationToken);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!_request.TryRead(out result))
            return false;
        if (TryAdmit(result))
            return true;
        (_messageBytes, _chargedBytes) = (0, 0);
        _request.AdvanceTo(_start); // ReadAsync waits for the missing bytes
        return false;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_messageBytes > 0 && !consumed.Equals(_start))
        {
            (_messageBytes, _isWithin) = (0, false);
            _messages++;
        }

        _request.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => _request.CancelPendingRead();

    public override void Complete(Exception? exception = null) => _request.Complete(exception);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> AwaitAndAdmitAsync(ValueTask<ReadResult> reading, CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _readingSince) == 0 && (_isWithin || !_kind.MayPause))
            Volatile.Write(ref _readingSince, _time.GetTimestamp());
        var result = await reading;
        return TryAdmit(result) ? result : await TakeAndAdmitAsync(result, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> TakeAndAdmitAsync(ReadResult result, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _readingSince, 0); // the call now waits for the server
        var charge = _chargedBytes;
        var waiting = Math.Min(charge, CallGuard.WindowBytes);
        _chargedBytes = 0;
        if (!_guard.Waiting.TryTake(waiting))
            throw Refused(CallStatus.ServerBusy());
        try
        {
            await TakeAsync(charge, cancellationToken.CanBeCanceled ? cancellationToken : CallEnded);
        }
        catch
        {
            _request.AdvanceTo(_start); // since the reader gets no result
            throw;
        }
        finally
        {
            _guard.Waiting.Return(waiting);
        }

        _chargedBytes = charge;
        if (_kind.HasOneRequest && !result.IsCompleted)
            Volatile.Write(ref _readingSince, _time.GetTimestamp());
        return result;
    }

    private int MessageLimitBytes =>
        _kind.IsLog ? _guard.Options.MessageLimitBytes : Math.Min(OtherMessageLimitBytes, _guard.Options.MessageLimitBytes);

    private CancellationToken CallEnded
    {
        get
        {
            lock (_gate)
                return _http?.RequestAborted ?? new CancellationToken(canceled: true);
        }
    }

    /// <summary>
    /// Checks what has arrived. Returns false if it begins a message for which there are not enough bytes in the budget yet.
    /// </summary>
    /// <exception cref="StatusException">It is not valid gRPC.</exception>
    private bool TryAdmit(in ReadResult result)
    {
        var buffer = result.Buffer;
        _start = buffer.Start;
        if (result.IsCanceled && Volatile.Read(ref _isLate))
            throw Refused(CallStatus.RequestLate(_guard.Options.RequestLimitMs));

        var admitted = true;
        if (_messageBytes == 0 && buffer.Length >= PrefixBytes)
            admitted = TryAnnounce(buffer);
        _isWithin = _messageBytes > 0 ? buffer.Length < _messageBytes : !buffer.IsEmpty;
        if (result.IsCompleted ? _isWithin : _kind.HasOneRequest && _messages > 0 && !buffer.IsEmpty)
        {
            throw Refused(CallStatus.MalformedCall(
                result.IsCompleted ? "it ends in the middle of a message" : "it has more than one message"));
        }

        if (result.IsCompleted && _kind.HasOneRequest && (_messages, buffer.IsEmpty) is (0, true) or ( > 0, false))
            throw Refused(CallStatus.MalformedCall(_messages == 0 ? "it has no message" : "it has more than one message"));
        if (result.IsCompleted || (!_isWithin && !_kind.HasOneRequest))
            Volatile.Write(ref _readingSince, 0);
        return admitted;
    }

    private bool TryAnnounce(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        buffer.Slice(0, PrefixBytes).CopyTo(prefix);
        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (prefix[0] > 1)
            throw Refused(CallStatus.MalformedRequest($"a message's first byte is {prefix[0]}: it must be 0 or 1"));
        if (length > int.MaxValue)
            throw Refused(CallStatus.MalformedRequest($"a message's length is {length}: the limit is {int.MaxValue}"));
        if (length > MessageLimitBytes)
            throw Refused(CallStatus.MessageTooLarge(length, MessageLimitBytes));
        if (prefix[0] == 1)
            RequireEncoding();

        _messageBytes = PrefixBytes + length;
        Return(_chargedBytes); // of the previous message, which was not claimed
        var charge = prefix[0] == 1 ? PrefixBytes + (long)MessageLimitBytes : _messageBytes; // the size that it may decompress to
        _chargedBytes = charge;
        return TryTake(charge);
    }

    private void RequireEncoding()
    {
        string? encoding;
        lock (_gate)
            encoding = _http?.Request.Headers.GrpcEncoding;
        if (string.IsNullOrEmpty(encoding) || encoding == "identity")
            throw Refused(CallStatus.MalformedCall("a message is compressed, but grpc-encoding names no compression"));
        if (!CheckedCompression.Names.Contains(encoding))
            throw Refused(CallStatus.EncodingUnknown(encoding, CheckedCompression.Names));
    }

    private StatusException Refused(StatusException status)
    {
        Volatile.Write(ref _readingSince, 0);
        _request.AdvanceTo(_start);
        _guard.CountError(status);
        return status;
    }

    private double MsSince(long timestamp) => _time.GetElapsedTime(timestamp).TotalMilliseconds;

    private async Task WaitAndTakeAsync(long bytes, CancellationToken cancellationToken)
    {
        await _connection.Share.TakeAsync(bytes, cancellationToken);
        Interlocked.Add(ref _heldBytes, bytes);
    }
}

/// <summary>How a call is counted.</summary>
internal enum CallCount
{
    /// <summary>Not counted: a stream of the log. Streams have their own limit.</summary>
    None,

    /// <summary>A call that has not passed access control yet.</summary>
    Stranger,

    /// <summary>A permitted call.</summary>
    Known,
}
