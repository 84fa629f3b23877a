using Grpc.Core;
using LogKit.Grpc.Access;
using LogKit.Grpc.Errors;

namespace LogKit.Grpc.Streams;

/// <summary>One open stream.</summary>
internal sealed class LiveStream : IDisposable
{
    /// <summary>How long a stream that has lost its right may take to tell its caller so.</summary>
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

    /// <summary>The offset of the record that it sends next; null until that is known, and where it sends none.</summary>
    public ulong? Position
    {
        get => Volatile.Read(ref _position) is var position and not Unknown ? position : null;
        set => Volatile.Write(ref _position, value ?? Unknown);
    }

    /// <summary>The caller; null if access control is off.</summary>
    public ICaller? Caller { get; }

    /// <summary>The caller has gone.</summary>
    public CancellationToken CallEnded { get; }

    /// <summary>The caller has gone, or the stream is to end: <see cref="Reason"/> says why.</summary>
    public CancellationToken Ending { get; }

    /// <summary>Why the stream is to end although its caller is there; null if it is not.</summary>
    public Exception? Reason
    {
        get
        {
            lock (_gate)
                return _revoked ?? (_stopping.IsCancellationRequested ? new ServerStoppingException() : null);
        }
    }

    /// <summary>Ends the stream, with a status that says why.</summary>
    public void End(Exception reason)
    {
        lock (_gate)
        {
            if (_isClosed || _revoked is not null)
                return;
            (_revoked, _revokedAt) = (reason, _time.GetTimestamp());
            _ = _ending.CancelAsync(); // what hangs on it runs elsewhere, not under the lock
        }
    }

    /// <summary>Sends a message.</summary>
    /// <param name="responses">The stream's.</param>
    /// <param name="message">What to send.</param>
    /// <param name="isFollowed">Whether another is about to be sent, with which this one may go.</param>
    public Task WriteAsync<T>(IServerStreamWriter<T> responses, T message, bool isFollowed)
    {
        responses.WriteOptions = isFollowed ? Followed : Last;
        return responses.WriteAsync(message, CallEnded);
    }

    /// <summary>Sends what was written with another to follow.</summary>
    public async Task FlushAsync() => await _http.Response.BodyWriter.FlushAsync(CallEnded);

    /// <summary>Resets the call if it was ended, and the caller does not take its end.</summary>
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
