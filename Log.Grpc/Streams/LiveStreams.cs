using System.Collections.Concurrent;
using Grpc.Core;
using LogKit.Grpc.Access;
using LogKit.Grpc.Errors;

namespace LogKit.Grpc.Streams;

/// <summary>
/// The open streams. Limits their number, and ends them when the server stops or their caller is no longer permitted.
/// </summary>
internal sealed class LiveStreams : IDisposable
{
    private readonly LogKitOptions _options;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    // The streams that are counted, but for those being opened or closed.
    private readonly ConcurrentDictionary<LiveStream, byte> _open = new();
    private int _count; // Interlocked: incremented before a stream is added, decremented after it is removed

    public LiveStreams(LogKitOptions options, IHostApplicationLifetime lifetime, IServiceProvider services)
    {
        (_options, _lifetime) = (options, lifetime);
        _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        var interval = TimeSpan.FromMilliseconds(LiveStream.GoodbyeMs / 4);
        _timer = _time.CreateTimer(_ => CutUnheard(), null, interval, interval);
    }

    /// <summary>The number of open streams.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The number of open ProduceStream and ConsumeStream calls.</summary>
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

    /// <summary>The next offset of the ConsumeStream that is furthest behind; null if there is none.</summary>
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

    /// <summary>Opens a stream, which counts until it is disposed.</summary>
    /// <exception cref="StreamLimitException">The limit on open streams is reached.</exception>
    public LiveStream Open(ServerCallContext context, LogActions action)
    {
        if (Interlocked.Increment(ref _count) > _options.StreamLimit)
        {
            Interlocked.Decrement(ref _count);
            throw new StreamLimitException(_options.StreamLimit);
        }

        var stream = new LiveStream(context, action, _time, Close, _lifetime.ApplicationStopping);
        _open.TryAdd(stream, 0);
        if (stream.Caller?.RefusalOf(action) is { } refusal)
            stream.End(refusal); // the rules changed after the caller was admitted, before Reconsider could find this stream
        return stream;
    }

    /// <summary>Ends streams whose callers are no longer permitted.</summary>
    public void Reconsider()
    {
        foreach (var (stream, _) in _open)
        {
            if (stream.Caller?.RefusalOf(stream.Action) is { } refusal)
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
