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
/// Limits the resources of calls: their number, the bytes of their requests and responses, and the time that they wait for their clients. A
/// call is over when the connection has taken its response, except for the last few kilobytes.
/// </summary>
internal sealed class CallGuard : IDisposable
{
    /// <summary>How long a call may wait for its client while another call waits for the bytes that it holds.</summary>
    public const long ShortageLimitMs = 10_000;

    /// <summary>Calls that are not yet permitted may use one in this many of the limit on calls.</summary>
    private const int StrangersPart = 8;

    /// <summary>How much a client may send on a call before it is read. The transport holds it in addition to the budget.</summary>
    public const int WindowBytes = 256 * 1024;

    /// <summary>For data of requests that wait for the budget, there is one in this many of the budget in addition.</summary>
    private const int WaitingPart = 4;

    /// <summary>The minimum for that data, so that a small budget delays callers instead of refusing them.</summary>
    private const long MinWaitingBytes = 64 * WindowBytes;

    /// <summary>
    /// The minimum limit on calls that are not yet permitted. Each call is one while it is checked, and several arrive at the same moment.
    /// </summary>
    private const int MinStrangers = 16;

    /// <summary>The longest interval between checks of calls.</summary>
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

    /// <summary>The budget for data of requests that wait for the main budget.</summary>
    public ByteBudget Waiting { get; }

    /// <summary>The number of open calls that are not streams of the log.</summary>
    public int Calls => Volatile.Read(ref _calls);

    /// <summary>
    /// Makes the window of a connection large enough for the windows of all its streams. Otherwise, requests that wait for the budget could
    /// fill it, and a request that already has its part of the budget could not arrive.
    /// </summary>
    public static void SetWindows(Http2Limits limits)
    {
        limits.InitialStreamWindowSize = WindowBytes;
        limits.InitialConnectionWindowSize = (int)Math.Min((long)limits.MaxStreamsPerConnection * WindowBytes, int.MaxValue);
    }

    /// <summary>Registers a new connection.</summary>
    /// <param name="items">The items of the connection, where its calls find it.</param>
    public ClientConnection Add(IDictionary<object, object?> items)
    {
        var connection = new ClientConnection(this, _budget, Time);
        items[ConnectionKey] = connection;
        _connections.TryAdd(connection, 0);
        return connection;
    }

    public void Remove(ClientConnection connection) => _connections.TryRemove(connection, out _);

    /// <summary>
    /// Wraps the delegate of an endpoint, unless the request is already guarded. Access control comes first, so the call is permitted.
    /// </summary>
    public RequestDelegate Around(RequestDelegate next, CallKind kind)
    {
        RequestDelegate admit = context => AdmitAsync(context, kind, next);
        return context => GuardedCall.Of(context) is null ? RunAsync(context, kind, admit) : admit(context);
    }

    /// <summary>Runs a request under the guard.</summary>
    public Task InvokeAsync(HttpContext context, RequestDelegate next) => RunAsync(context, CallKind.Of(context), next);

    /// <summary>Records that a call, and so its connection, has passed access control.</summary>
    /// <exception cref="StatusException">The limit on calls is reached.</exception>
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
            // Resolved late, because the metrics need the log, which is created on first use.
            _services.GetRequiredService<ServiceMetrics>().CountError(status);
        }
        catch (ObjectDisposedException)
        {
            // The host and its metrics are disposed.
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
                context.Abort(); // a response would be one more that waits for its client
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

    /// <summary>Counts a call that is not yet permitted. Returns false if the limit is reached.</summary>
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
    /// The connection of a request. On a listener of another kind, it is registered with its first call.
    /// </summary>
    private ClientConnection ConnectionOf(HttpContext context)
    {
        // A server without connections: use one per call.
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

    /// <summary>Adds details to a status that gRPC set by itself.</summary>
    private void Explain(HttpContext context)
    {
        var trailers = context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers;
        if (!context.Response.HasStarted && context.Response.Headers.ContainsKey("grpc-status"))
            trailers = context.Response.Headers; // there was no message before the status
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
            return; // the response has been sent: gRPC ends calls whose deadline expires from its own timer
        }

        CountError(status);
    }

    /// <summary>Ends calls that wait too long for their clients, sooner if another call waits for the bytes that they hold.</summary>
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
