using System.IO.Pipelines;
using System.Net.Security;
using LogKit.Grpc.Guard;
using LogKit.Server.Observability;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace LogKit.Server.Connections;

/// <summary>
/// Admits connections: limits their number, reserves places for those that have made a permitted call, closes those that are idle for too
/// long, and closes none before its client can have read what was sent.
/// </summary>
/// <remarks>
/// A connection that has not made a permitted call is a stranger. Strangers may take three quarters of the places. If none is left for a
/// new connection, the oldest idle stranger is closed, so opening connections and doing nothing with them keeps nobody out.
/// </remarks>
internal sealed class ConnectionGate : IDisposable
{
    /// <summary>One in this many places is reserved for connections that have made a permitted call.</summary>
    private const int ProvenPart = 4;

    /// <summary>How long a connection may take to close, and a client to read what was sent.</summary>
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(2);

    private readonly CallGuard _guard;
    private readonly TransportLimits _limits;
    private readonly ConnectionMetrics _metrics;
    private readonly StrangerReports _reports;
    private readonly ILogger<ConnectionGate> _journal;
    private readonly ITimer _timer;
    private readonly int _strangersLimit;
    private readonly Lock _gate = new();
    // Under _gate; oldest first; may contain connections that have made a permitted call since.
    private readonly LinkedList<Admitted> _strangers = new();
    private readonly HashSet<Admitted> _admitted = []; // under _gate
    private int _reported; // used by the timer only: the count last reported to the metrics

    public ConnectionGate(
        CallGuard guard, TransportLimits limits, ConnectionMetrics metrics, StrangerReports reports, ILogger<ConnectionGate> journal)
    {
        (_guard, _limits, _metrics, _reports, _journal) = (guard, limits, metrics, reports, journal);
        _strangersLimit = Math.Max(1, limits.ConnectionLimit - (limits.ConnectionLimit / ProvenPart));
        var interval = TimeSpan.FromMilliseconds(Math.Clamp(limits.IdleLimitMs / 4, 1, 1000));
        _timer = guard.Time.CreateTimer(_ => Look(), null, interval, interval);
    }

    /// <summary>Handles an accepted connection, before its TLS handshake.</summary>
    public async Task AcceptAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (Admit(connection) is not { } admitted)
        {
            connection.Abort(new ConnectionAbortedException("the limit on connections is reached"));
            return;
        }

        var transport = connection.Transport;
        var lingering = new LingeringTransport(transport);
        connection.Transport = lingering;
        try
        {
            await next(connection);
            if (admitted.State.IsProven && !connection.ConnectionClosed.IsCancellationRequested)
                await LingerAsync(connection, transport);
        }
        finally
        {
            connection.Transport = transport;
            await lingering.CompleteAsync();
            Remove(admitted);
        }
    }

    /// <summary>
    /// Handles a connection after its TLS handshake. One that did not negotiate HTTP/2 is a port scan, or a health check that does not
    /// speak gRPC.
    /// </summary>
    public async Task RequireHttp2Async(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.Features.Get<ISslStreamFeature>() is not { } tls
            || tls.SslStream.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2)
        {
            await next(connection);
            return;
        }

        _metrics.CountClosed(ConnectionEnd.NotHttp2);
        if (_reports.MaySay(StrangerEvent.NotHttp2))
            _journal.LogNotHttp2(connection.RemoteEndPoint);
    }

    public void Dispose() => _timer.Dispose();

    private Admitted? Admit(ConnectionContext connection)
    {
        Admitted? evicted = null;
        Admitted? admitted = null;
        lock (_gate)
        {
            if (_admitted.Count >= _limits.ConnectionLimit || _strangers.Count >= _strangersLimit)
            {
                evicted = OldestIdleStrangerLocked();
                if (evicted is not null)
                    RemoveLocked(evicted);
            }

            if (_admitted.Count < _limits.ConnectionLimit && _strangers.Count < _strangersLimit)
            {
                admitted = new Admitted(connection, _guard.Add(connection.Items));
                _admitted.Add(admitted);
                _strangers.AddLast(admitted.Place);
            }
        }

        if (evicted is not null)
        {
            _metrics.CountClosed(ConnectionEnd.Evicted);
            evicted.Connection.Abort(new ConnectionAbortedException("closed to make room for another connection"));
        }

        if (admitted is null)
            _metrics.CountClosed(ConnectionEnd.Refused);
        if ((evicted is not null || admitted is null) && _reports.MaySay(StrangerEvent.ConnectionLimit))
            _journal.LogConnectionsExhausted(_limits.ConnectionLimit, (evicted?.Connection ?? connection).RemoteEndPoint);
        return admitted;
    }

    /// <summary>The connection to close; null if there is none, or if there is room after all.</summary>
    private Admitted? OldestIdleStrangerLocked()
    {
        Admitted? oldest = null;
        for (var place = _strangers.First; place is not null;)
        {
            var next = place.Next;
            if (place.Value.State.IsProven)
                _strangers.Remove(place);
            else if (oldest is null && !place.Value.State.HasCalls)
                oldest = place.Value;
            place = next;
        }

        return _admitted.Count >= _limits.ConnectionLimit || _strangers.Count >= _strangersLimit ? oldest : null;
    }

    private void Remove(Admitted admitted)
    {
        lock (_gate)
            RemoveLocked(admitted);
        _guard.Remove(admitted.State);
    }

    private void RemoveLocked(Admitted admitted)
    {
        _admitted.Remove(admitted);
        if (admitted.Place.List is { } list)
            list.Remove(admitted.Place);
    }

    /// <summary>Closes idle connections. PINGs do not count as calls.</summary>
    private void Look()
    {
        Admitted[] admitted;
        lock (_gate)
            admitted = [.. _admitted];
        _metrics.AddOpen(admitted.Length - _reported);
        _reported = admitted.Length;
        foreach (var one in admitted)
        {
            if (one.State.HasCalls)
            {
                one.IsAskedToClose = false;
                continue;
            }

            var idle = _guard.Time.GetElapsedTime(one.State.IdleSince).TotalMilliseconds;
            if (idle > _limits.IdleLimitMs + CloseLimit.TotalMilliseconds)
            {
                one.Connection.Abort(new ConnectionAbortedException("idle for too long"));
            }
            else if (idle > _limits.IdleLimitMs && !one.IsAskedToClose)
            {
                one.IsAskedToClose = true;
                _metrics.CountClosed(ConnectionEnd.Idle);
                one.Connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose(); // sends GOAWAY, which loses no call
            }
        }

        _reports.Look();
    }

    /// <summary>
    /// Reads what the client still sends until it closes the connection. Closing a socket with unread bytes resets it, and the reset
    /// discards what the client has not read yet, including acknowledgments. Strangers were sent none.
    /// </summary>
    private static async Task LingerAsync(ConnectionContext connection, IDuplexPipe transport)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        limit.CancelAfter(CloseLimit);
        try
        {
            await transport.Output.FlushAsync(limit.Token);
            while (true)
            {
                var result = await transport.Input.ReadAsync(limit.Token);
                transport.Input.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                    return;
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or InvalidOperationException)
        {
            // The client has closed the connection, or took too long.
        }
    }

    /// <summary>An admitted connection.</summary>
    private sealed class Admitted
    {
        public Admitted(ConnectionContext connection, ClientConnection state)
        {
            (Connection, State) = (connection, state);
            Place = new LinkedListNode<Admitted>(this);
        }

        public ConnectionContext Connection { get; }

        public ClientConnection State { get; }

        /// <summary>Its node in the list of strangers, if it is one.</summary>
        public LinkedListNode<Admitted> Place { get; }

        /// <summary>Used by the timer of the gate only.</summary>
        public bool IsAskedToClose { get; set; }
    }
}
