using System.Diagnostics.Metrics;
using LogKit.Grpc.Observability;

namespace LogKit.Server.Observability;

/// <summary>Why the server closed a connection by itself.</summary>
internal enum ConnectionEnd
{
    /// <summary>There was no place for it.</summary>
    Refused,

    /// <summary>It had made no permitted call, and made room for another.</summary>
    Evicted,

    /// <summary>It had no call for too long.</summary>
    Idle,

    /// <summary>Its TLS handshake did not agree on HTTP/2.</summary>
    NotHttp2,
}

/// <summary>What the deployable server measures of its connections, as part of the meter of <see cref="ServiceMetrics"/>.</summary>
internal sealed class ConnectionMetrics
{
    private readonly Counter<long> _closed;
    private int _open; // Interlocked

    public ConnectionMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(ServiceMetrics.MeterName);
        _closed = meter.CreateCounter<long>(
            "logkit.connections.closed", "{connection}", "connections that the server closed by itself, by reason");
        meter.CreateObservableUpDownCounter<long>(
            "logkit.connections.open", () => Volatile.Read(ref _open), "{connection}", "connections that are open, as of the last second");
    }

    /// <summary>As many more are open than before.</summary>
    public void AddOpen(int count) => Interlocked.Add(ref _open, count);

    public void CountClosed(ConnectionEnd reason) => _closed.Add(1, new KeyValuePair<string, object?>("reason", reason.ToString()));
}
