using System.Diagnostics.Metrics;
using LogKit.Grpc.Observability;

namespace LogKit.Server.Observability;

/// <summary>Why the server closed a connection.</summary>
internal enum ConnectionEnd
{
    /// <summary>The limit on connections was reached.</summary>
    Refused,

    /// <summary>It had made no permitted call, and was closed to make room for another.</summary>
    Evicted,

    /// <summary>It had no call for too long.</summary>
    Idle,

    /// <summary>Its TLS handshake did not agree on HTTP/2.</summary>
    NotHttp2,
}

/// <summary>Metrics of the connections of the deployable server, in the meter of <see cref="ServiceMetrics"/>.</summary>
internal sealed class ConnectionMetrics
{
    private readonly Counter<long> _closed;
    private int _open; // Interlocked

    public ConnectionMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(ServiceMetrics.MeterName);
        _closed = meter.CreateCounter<long>(
            "logkit.connections.closed", "{connection}", "connections closed by the server, by reason");
        meter.CreateObservableUpDownCounter<long>(
            "logkit.connections.open", () => Volatile.Read(ref _open), "{connection}", "open connections, as of the last second");
    }

    /// <summary>Adds to the number of open connections.</summary>
    public void AddOpen(int count) => Interlocked.Add(ref _open, count);

    public void CountClosed(ConnectionEnd reason) => _closed.Add(1, new KeyValuePair<string, object?>("reason", reason.ToString()));
}
