using System.Collections.Concurrent;
using System.Globalization;
using Grpc.Core;
using LogKit.Grpc.Errors;
using LogKit.Grpc.Observability;
using LogKit.V1;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LogKit.Grpc.Guard;

/// <summary>
/// Stands around every call, and bounds what calls take: how many there are, the bytes of their requests and answers, and the time that
/// they wait for their clients. A call is over when the connection has taken its answer, but for the last few kilobytes.
/// </summary>
internal sealed class CallGuard : IDisposable
{
    /// <summary>How long a call may wait for its client while another call waits for the room that it takes.</summary>
    public const long ShortageLimitMs = 10_000;

    /// <summary>Which part of the limit on calls those may take that nobody has let in.</summary>
    private const int StrangersPart = 8;

    /// <summary>How much a client may send ahead on one call before it is read: what the transport holds beside the budget.</summary>
    public const int WindowBytes = 256 * 1024;

    /// <summary>Which part of the budget there is once more, for what has arrived of requests that wait for the budget.</summary>
    private const int WaitingPart = 4;

    /// <summary>The least that there is of it, so that a small budget holds callers back and does not refuse them.</summary>
    private const long MinWaitingBytes = 64 * WindowBytes;

    /// <summary>The least number of strangers' calls: every call is one while it is judged, and some arrive at the same moment.</summary>
    private const int MinStrangers = 16;

    /// <summary>How often calls are looked at, at most.</summary>
    private const long MaxIntervalMs = 1000;

    private static readonly object ConnectionKey = new();

    private readonly IServiceProvider _services;
    private readonly ByteBudget _budget;
    private readonly ITimer _timer;
    private readonly MemoryReturn _memory = new();
    private readonly ConcurrentDictionary<ClientConnection, byte> _connections = new();
    private int _calls; // Interlocked, like the next
    private int _strangers;

    public CallGuard(LogKitOptions options, IServiceProvider services)
    {
        (Options, _services) = (options, services);
        _budget = new ByteBudget(options.QueuedLimitBytes);
        Waiting = new ByteBudget(Math.Max(options.QueuedLimitBytes / WaitingPart, MinWaitingBytes));
        Time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        var shortest = Math.Min(options.StallLimitMs, options.RequestLimitMs);
        var interval = TimeSpan.FromMilliseconds(Math.Clamp(shortest / 4, 1, MaxIntervalMs));
        _timer = Time.CreateTimer(_ => Look(), null, interval, interval);
    }

    public LogKitOptions Options { get; }

    public TimeProvider Time { get; }

    /// <summary>What has arrived of requests that wait for the budget.</summary>
    public ByteBudget Waiting { get; }

    /// <summary>How many calls are open that are not streams of the log.</summary>
    public int Calls => Volatile.Read(ref _calls);

    /// <summary>
    /// Lets each stream of a connection fill its window: requests that wait for the budget would otherwise leave the connection no room for
    /// one that has its part of the budget already, and would wait for it.
    /// </summary>
    public static void SetWindows(Http2Limits limits)
    {
        limits.InitialStreamWindowSize = WindowBytes;
        limits.InitialConnectionWindowSize = (int)Math.Min((long)limits.MaxStreamsPerConnection * WindowBytes, int.MaxValue);
    }

    /// <summary>A new connection, to be known to the guard until it is forgotten.</summary>
    /// <param name="items">Where its calls find it.</param>
    public ClientConnection Add(IDictionary<object, object?> items)
    {
        var connection = new ClientConnection(this, _budget, Time);
        items[ConnectionKey] = connection;
        _connections.TryAdd(connection, 0);
        return connection;
    }

    public void Remove(ClientConnection connection) => _connections.TryRemove(connection, out _);

    /// <summary>
    /// The endpoint's delegate with the guard around it, unless the request runs under the guard already. Whoever gets here may make the
    /// call: where access is controlled, that happens before.
    /// </summary>
    public RequestDelegate Around(RequestDelegate next, CallKind kind)
    {
        RequestDelegate admit = context => AdmitAsync(context, kind, next);
        return context => GuardedCall.Of(context) is null ? RunAsync(context, kind, admit) : admit(context);
    }

    /// <summary>Runs a request under the guard, whatever its endpoint is.</summary>
    public Task InvokeAsync(HttpContext context, RequestDelegate next) => RunAsync(context, CallKind.Of(context), next);

    /// <summary>Says that a call was let in: it and its connection are no strangers any more.</summary>
    /// <exception cref="StatusException">There are as many calls as may be.</exception>
    public void LetIn(GuardedCall call)
    {
        call.Connection.Prove();
        if (call.Count is not CallCount.Stranger)
            return;
        Interlocked.Decrement(ref _strangers);
        call.Count = CallCount.Known;
        if (call.Kind.IsLogStream)
        {
            Interlocked.Decrement(ref _calls);
            call.Count = CallCount.None;
        }
        else if (Volatile.Read(ref _calls) > Options.CallLimit)
        {
            throw CallStatus.CallLimit(Options.CallLimit);
        }
    }

    public void CountError(StatusException status)
    {
        try
        {
            // Not asked for before: they need the log, which is made on first use.
            _services.GetRequiredService<ServiceMetrics>().CountError(status);
        }
        catch (ObjectDisposedException)
        {
            // The host is gone, and its metrics with it.
        }
    }

    public void Dispose() => _timer.Dispose();

    private async Task RunAsync(HttpContext context, CallKind kind, RequestDelegate next)
    {
        var call = ConnectionOf(context).Begin();
        call.Begin(context, kind);
        try
        {
            if (!TryCount(call))
            {
                context.Abort(); // an answer would be one more that waits for its client
                return;
            }

            await next(context);
            if (!context.RequestAborted.IsCancellationRequested)
                Explain(context);
            await call.FlushAsync();
        }
        finally
        {
            Uncount(call);
            call.End();
        }
    }

    private Task AdmitAsync(HttpContext context, CallKind kind, RequestDelegate next)
    {
        try
        {
            if (!kind.IsOpenToAll && GuardedCall.Of(context) is { } call)
                LetIn(call);
        }
        catch (StatusException refusal)
        {
            CountError(refusal);
            refusal.EndCall(context);
            return Task.CompletedTask;
        }

        return next(context);
    }

    /// <summary>Counts a call as one of a stranger; false if there is no place for it.</summary>
    private bool TryCount(GuardedCall call)
    {
        call.Count = CallCount.Stranger;
        var calls = Interlocked.Increment(ref _calls);
        var strangers = Interlocked.Increment(ref _strangers);
        var strangersLimit = Math.Max(Options.CallLimit / StrangersPart, MinStrangers);
        return strangers <= strangersLimit && calls <= Options.CallLimit + strangersLimit;
    }

    private void Uncount(GuardedCall call)
    {
        if (call.Count is CallCount.Stranger)
            Interlocked.Decrement(ref _strangers);
        if (call.Count is not CallCount.None)
            Interlocked.Decrement(ref _calls);
        call.Count = CallCount.None;
    }

    /// <summary>
    /// The connection of a request: known since it was accepted, or, on a listener of somebody else's, since its first call.
    /// </summary>
    private ClientConnection ConnectionOf(HttpContext context)
    {
        // A server without connections: one for the call.
        var items = context.Features.Get<IConnectionItemsFeature>()?.Items ?? context.Items;
        lock (items)
        {
            if (items.TryGetValue(ConnectionKey, out var known))
                return (ClientConnection)known!;
            var connection = Add(items);
            var closed = context.Features.Get<IConnectionLifetimeFeature>()?.ConnectionClosed ?? context.RequestAborted;
            closed.UnsafeRegister(static state => ((Action)state!)(), () => Remove(connection));
            return connection;
        }
    }

    /// <summary>Gives a status that gRPC made by itself the details that every failure has.</summary>
    private void Explain(HttpContext context)
    {
        var trailers = context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers;
        if (!context.Response.HasStarted && context.Response.Headers.ContainsKey("grpc-status"))
            trailers = context.Response.Headers; // there is no message before it
        if (trailers is null or { IsReadOnly: true }
            || trailers["grpc-status"] is not [{ } text]
            || text is "0"
            || trailers.ContainsKey(ErrorReasons.TrailerName)
            || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var code))
        {
            return;
        }

        var message = Uri.UnescapeDataString(trailers["grpc-message"].ToString());
        var status = CallStatus.OfTransport((StatusCode)code, message, context.Request.Path, context.TraceIdentifier);
        try
        {
            status.WriteTo(trailers);
        }
        catch (InvalidOperationException)
        {
            return; // the answer went out meanwhile: gRPC ends a call whose deadline passes from a timer of its own
        }

        CountError(status);
    }

    /// <summary>Ends calls that wait for their clients for too long: sooner where another call waits for the room that they take.</summary>
    private void Look()
    {
        var (request, answer) = (Options.RequestLimitMs, Options.StallLimitMs);
        if (_budget.IsShort)
            (request, answer) = (Math.Min(request, ShortageLimitMs), Math.Min(answer, ShortageLimitMs));
        foreach (var (connection, _) in _connections)
            connection.CutStalled(request, answer);
        _memory.Look(_budget.TakenBytes, Time);
    }
}
