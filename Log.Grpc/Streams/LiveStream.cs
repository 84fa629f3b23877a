using Grpc.Core;
using LogKit.Grpc.Access;
using LogKit.Grpc.Errors;

namespace LogKit.Grpc.Streams;

/// <summary>An open stream.</summary>
internal sealed class LiveStream : IDisposable
{
    /// <summary>How long a stream that is no longer permitted may take to send its status.</summary>
    public const long GoodbyeMs = 5_000;

    private const ulong Unknown = ulong.MaxValue;

    private static readonly WriteOptions Followed = new(WriteFlags.BufferHint);
    private static readonly WriteOptions Last = new();

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _ending;
    private readonly CancellationToken _stopping;
    private readonly HttpContext _http;
    private readonly TimeProvider _time;
    private readonly Action<LiveStream> _close;
    private Exception? _revoked;
    private long _revokedAt;
    private ulong _position = Unknown;
    private bool _isClosed;

    public LiveStream(ServerCallContext context, LogActions action, TimeProvider time, Action<LiveStream> close, CancellationToken stopping)
    {
        _http = context.GetHttpContext();
        Caller = _http.Features.Get<ICaller>();
        Action = action;
        CallEnded = context.CancellationToken;
        (_stopping, _time, _close) = (stopping, time, close);
        _ending = CancellationTokenSource.CreateLinkedTokenSource(CallEnded, stopping);
        Ending = _ending.Token;
    }

    public LogActions Action { get; }

    /// <summary>The offset of the record that it sends next; null if it is not known, or the stream sends none.</summary>
    public ulong? Position
    {
        get => Volatile.Read(ref _position) is var position and not Unknown ? position : null;
        set => Volatile.Write(ref _position, value ?? Unknown);
    }

    /// <summary>The caller; null if access control is off.</summary>
    public ICaller? Caller { get; }

    /// <summary>Canceled when the caller is gone.</summary>
    public CancellationToken CallEnded { get; }

    /// <summary>Canceled when the caller is gone, or when the stream must end: see <see cref="Reason"/>.</summary>
    public CancellationToken Ending { get; }

    /// <summary>Why the stream must end although its caller is there; null if it need not.</summary>
    public Exception? Reason
    {
        get
        {
            lock (_gate)
                return _revoked ?? (_stopping.IsCancellationRequested ? new ServerStoppingException() : null);
        }
    }

    /// <summary>Ends the stream with a status.</summary>
    public void End(Exception reason)
    {
        lock (_gate)
        {
            if (_isClosed || _revoked is not null)
                return;
            (_revoked, _revokedAt) = (reason, _time.GetTimestamp());
            _ = _ending.CancelAsync(); // callbacks run on another thread, not under the lock
        }
    }

    /// <summary>Sends a message.</summary>
    /// <param name="responses">The writer of the stream.</param>
    /// <param name="message">The message.</param>
    /// <param name="isFollowed">Whether another message follows immediately, so that both can be sent with one write.</param>
    public Task WriteAsync<T>(IServerStreamWriter<T> responses, T message, bool isFollowed)
    {
        responses.WriteOptions = isFollowed ? Followed : Last;
        return responses.WriteAsync(message, CallEnded);
    }

    /// <summary>Sends messages that were written with another to follow.</summary>
    public async Task FlushAsync() => await _http.Response.BodyWriter.FlushAsync(CallEnded);

    /// <summary>Resets the call if it was ended but the caller does not read its status.</summary>
    public void CutIfUnheard()
    {
        lock (_gate)
        {
            if (!_isClosed && _revoked is not null && _time.GetElapsedTime(_revokedAt).TotalMilliseconds > GoodbyeMs)
                _http.Abort();
        }
    }

    public void Dispose()
    {
        lock (_gate)
            _isClosed = true;
        _close(this);
        _ending.Dispose();
    }
}
