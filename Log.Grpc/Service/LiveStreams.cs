using System.Collections.Concurrent;
using Grpc.Core;
using LogKit.Grpc.Security;

namespace LogKit.Grpc.Service;

/// <summary>
/// The streams that are open: no more than the limit, each ended when the server stops or when its caller loses the right to it.
/// </summary>
internal sealed class LiveStreams : IDisposable
{
    private readonly LogKitOptions _options;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly AccessGate? _gate;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly ConcurrentDictionary<LiveStream, byte> _open = new();
    private int _count;

    public LiveStreams(LogKitOptions options, IHostApplicationLifetime lifetime, IServiceProvider services)
    {
        (_options, _lifetime) = (options, lifetime);
        _gate = services.GetService<AccessGate>();
        _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        var interval = TimeSpan.FromMilliseconds(LiveStream.GoodbyeMs / 4);
        _timer = _time.CreateTimer(_ => CutUnheard(), null, interval, interval);
    }

    /// <summary>How many are open.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>How many are open of ProduceStream, and of ConsumeStream.</summary>
    public (int Produce, int Consume) CountByAction()
    {
        var produce = 0;
        var consume = 0;
        foreach (var (stream, _) in _open)
        {
            if (stream.Action is LogActions.Produce)
                produce++;
            else
                consume++;
        }

        return (produce, consume);
    }

    /// <summary>The offset that comes next on the ConsumeStream that is furthest behind; null where there is none.</summary>
    public ulong? EarliestPosition()
    {
        ulong? earliest = null;
        foreach (var (stream, _) in _open)
        {
            if (stream.Position is { } position && !(position >= earliest))
                earliest = position;
        }

        return earliest;
    }

    /// <summary>Counts a stream in, until it is disposed.</summary>
    /// <exception cref="StreamLimitException">There are as many as may be.</exception>
    public LiveStream Open(ServerCallContext context, LogActions action)
    {
        if (Interlocked.Increment(ref _count) > _options.StreamLimit)
        {
            Interlocked.Decrement(ref _count);
            throw new StreamLimitException(_options.StreamLimit);
        }

        var stream = new LiveStream(context, action, _time, Close, _lifetime.ApplicationStopping);
        _open.TryAdd(stream, 0);
        if (_gate is not null && stream.Caller is not null && _gate.RefusalOf(stream.Caller, action) is { } refusal)
            stream.End(refusal); // the lists changed after the gate, and before this stream could be found
        return stream;
    }

    /// <summary>Ends the streams whose callers are not permitted to have them any more.</summary>
    public void Reconsider()
    {
        if (_gate is null)
            return;
        foreach (var (stream, _) in _open)
        {
            if (stream.Caller is { } caller && _gate.RefusalOf(caller, stream.Action) is { } refusal)
                stream.End(refusal);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void CutUnheard()
    {
        foreach (var (stream, _) in _open)
            stream.CutIfUnheard();
    }

    private void Close(LiveStream stream)
    {
        _open.TryRemove(stream, out _);
        Interlocked.Decrement(ref _count);
    }
}

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
        Caller = _http.Features.Get<Caller>();
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

    /// <summary>Who calls; null where nobody asks.</summary>
    public Caller? Caller { get; }

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
