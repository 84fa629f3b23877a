using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace LogKit.Testing;

/// <summary>The direction in which bytes go through a <see cref="NetworkProxy"/>.</summary>
public enum ProxyDirection
{
    /// <summary>From the client to the server.</summary>
    ToServer,

    /// <summary>From the server to the client.</summary>
    ToClient,
}

/// <summary>What a <see cref="NetworkProxy"/> does with bytes that it has received.</summary>
public enum ProxyAction
{
    /// <summary>Sends them on.</summary>
    Forward,

    /// <summary>Cuts the connection instead of sending them on. What sent them has done its part.</summary>
    CutBefore,

    /// <summary>Sends them on and cuts the connection, before an answer can come.</summary>
    CutAfter,

    /// <summary>Sends on the first half and cuts the connection, in the middle of a message.</summary>
    CutWithin,
}

/// <summary>Decides about bytes that a <see cref="NetworkProxy"/> has received. May be called concurrently.</summary>
/// <param name="direction">Where they go.</param>
/// <param name="bytes">The bytes, as TCP delivered them, which may be changed in place.</param>
public delegate ProxyAction ProxyScript(ProxyDirection direction, Memory<byte> bytes);

/// <summary>
/// A TCP proxy in the process of the test, in front of a server on this machine. It cuts, refuses, delays, throttles, and silences
/// connections. All members are thread-safe.
/// </summary>
public sealed class NetworkProxy : IAsyncDisposable
{
    private const int BufferBytes = 64 * 1024;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<object, Action> _connections = [];
    private readonly Task _accepting;
    private volatile int _serverPort;
    private volatile bool _isCut;
    private volatile ProxyScript? _script;
    private volatile TaskCompletionSource? _silence;
    private long _delayTicks;
    private volatile int _bytesPerSecond;

    /// <summary>Starts a proxy on a free port of the loopback interface.</summary>
    /// <param name="serverPort">The port of the server on the loopback interface.</param>
    public NetworkProxy(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    /// <summary>The port of the proxy.</summary>
    public int Port { get; }

    /// <summary>The port of the server, for new connections.</summary>
    public int ServerPort
    {
        get => _serverPort;
        set => _serverPort = value;
    }

    /// <summary>Decides about all bytes; null, the default, forwards them.</summary>
    public ProxyScript? Script
    {
        get => _script;
        set => _script = value;
    }

    /// <summary>How long bytes take longer in each direction. Zero by default.</summary>
    public TimeSpan Delay
    {
        get => TimeSpan.FromTicks(Volatile.Read(ref _delayTicks));
        set => Volatile.Write(ref _delayTicks, value.Ticks);
    }

    /// <summary>The limit on the rate of each direction of a connection, in bytes per second. Zero, the default, means none.</summary>
    public int BytesPerSecond
    {
        get => _bytesPerSecond;
        set => _bytesPerSecond = value;
    }

    /// <summary>Cuts all connections. New ones are accepted.</summary>
    public void CutConnections()
    {
        foreach (var cut in _connections.Values)
            cut();
    }

    /// <summary>Cuts all connections, and refuses new ones until <see cref="Reconnect"/>.</summary>
    public void Disconnect()
    {
        _isCut = true;
        CutConnections();
    }

    /// <summary>Accepts connections again.</summary>
    public void Reconnect() => _isCut = false;

    /// <summary>
    /// Stops forwarding bytes, in both directions and without closing anything, as when a host vanishes, until <see cref="Resume"/>.
    /// </summary>
    public void FallSilent() => _silence ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Forwards what was held back by <see cref="FallSilent"/>, and everything after it.</summary>
    public void Resume()
    {
        var silence = _silence;
        _silence = null;
        silence?.TrySetResult();
    }

    /// <summary>Cuts all connections and stops listening.</summary>
    public async ValueTask DisposeAsync()
    {
        Disconnect();
        Resume();
        _listener.Stop();
        await _accepting.ConfigureAwait(false);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync().ConfigureAwait(false));
        }
        catch (Exception exception) when (exception is SocketException or InvalidOperationException)
        {
            // The proxy was disposed, during an accept or between two accepts.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient { NoDelay = true };
        client.NoDelay = true;
        _connections[client] = Cut;
        try
        {
            if (_isCut)
                return;
            await server.ConnectAsync(IPAddress.Loopback, _serverPort).ConfigureAwait(false);
            await Task.WhenAny(
                CopyAsync(ProxyDirection.ToServer, client.GetStream(), server.GetStream()),
                CopyAsync(ProxyDirection.ToClient, server.GetStream(), client.GetStream())).ConfigureAwait(false);
        }
        catch (Exception exception)
            when (exception is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The connection was cut.
        }
        finally
        {
            Cut();
            _connections.TryRemove(client, out _);
        }

        void Cut()
        {
            client.Close();
            server.Close();
        }
    }

    private async Task CopyAsync(ProxyDirection direction, NetworkStream from, NetworkStream to)
    {
        try
        {
            var buffer = new byte[BufferBytes];
            for (int length; (length = await from.ReadAsync(buffer).ConfigureAwait(false)) > 0;)
            {
                var bytes = buffer.AsMemory(0, length);
                if (Delay is { Ticks: > 0 } delay)
                    await Task.Delay(delay).ConfigureAwait(false);
                if (_bytesPerSecond is > 0 and var rate)
                    await Task.Delay(TimeSpan.FromSeconds((double)length / rate)).ConfigureAwait(false);
                if (_silence is { } silence)
                    await silence.Task.ConfigureAwait(false);
                var action = _script?.Invoke(direction, bytes) ?? ProxyAction.Forward; // before an answer can come
                if (action is ProxyAction.CutBefore)
                    return;
                await to.WriteAsync(action is ProxyAction.CutWithin ? bytes[..(length / 2)] : bytes).ConfigureAwait(false);
                if (action is not ProxyAction.Forward)
                    return;
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The connection was cut.
        }
    }
}
