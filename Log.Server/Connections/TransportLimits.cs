using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LogKit.Server.Connections;

/// <summary>Limits on connections, which apply before any call is read.</summary>
internal sealed record TransportLimits
{
    public int ConnectionLimit { get; init; } = 4096;

    public int ConnectionStreamLimit { get; init; } = 256;

    public int HeaderLimitBytes { get; init; } = 32 * 1024;

    public int HandshakeLimitMs { get; init; } = 10_000;

    public int IdleLimitMs { get; init; } = 120_000;

    public int PingIntervalMs { get; init; } = 60_000;

    public int PingLimitMs { get; init; } = 20_000;

    /// <summary>How long a stopping server waits for calls to end before it cuts off clients that do not read.</summary>
    public int StopLimitMs { get; init; } = 10_000;

    public void ApplyTo(KestrelServerLimits limits)
    {
        limits.MaxConcurrentConnections = null; // ConnectionGate limits them
        limits.MaxRequestBodySize = null; // the limit on messages applies
        // A write completes when the connection has taken it, so that what waits for a client is known and bounded.
        limits.MaxResponseBufferSize = 0;
        limits.MaxRequestHeadersTotalSize = HeaderLimitBytes;
        limits.KeepAliveTimeout = TimeSpan.FromMilliseconds(IdleLimitMs);
        limits.Http2.MaxStreamsPerConnection = ConnectionStreamLimit;
        limits.Http2.MaxRequestHeaderFieldSize = HeaderLimitBytes;
        limits.Http2.KeepAlivePingDelay = TimeSpan.FromMilliseconds(PingIntervalMs);
        limits.Http2.KeepAlivePingTimeout = TimeSpan.FromMilliseconds(PingLimitMs);
    }
}
