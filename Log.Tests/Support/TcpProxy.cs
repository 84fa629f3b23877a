using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using LogKit.Tests.Postgres;

namespace LogKit.Tests.Support;

/// <summary>A TCP proxy that can cut connections, even just before it forwards an answer, and can forge answers.</summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Guid, Action> _connections = [];
    private readonly int _serverPort;
    private readonly Task _accepting;
    private volatile bool _isCut;
    private volatile Func<bool>? _losesAnswer;
    private volatile Func<ReadOnlyMemory<byte>, bool>? _losesRequest;
    private volatile Action<Memory<byte>>? _forgeAnswer;

    public TcpProxy(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>Creates a proxy to the shared cluster that makes it report PostgreSQL 12 as its version.</summary>
    public static TcpProxy ToOldServer()
    {
        var proxy = new TcpProxy(PostgresCluster.Shared.Port);
        proxy.ForgeAnswers(piece =>
        {
            var name = "server_version\0"u8;
            if (piece.Span.IndexOf(name) is var index and >= 0)
                "12"u8.CopyTo(piece.Span[(index + name.Length)..]); // replaces the major version
        });
        return proxy;
    }

    /// <summary>Cuts all connections, and rejects new ones until <see cref="Heal"/>.</summary>
    public void Cut()
    {
        _isCut = true;
        foreach (var connection in _connections.Values)
            connection();
    }

    public void Heal() => _isCut = false;

    /// <summary>
    /// Calls a function for each piece of an answer. If it returns true, the proxy cuts the connection instead of forwarding the piece. The
    /// server has done its work by then.
    /// </summary>
    public void LoseAnswersWhere(Func<bool>? loses) => _losesAnswer = loses;

    /// <summary>
    /// Calls a function for each piece of a request. If it returns true, the proxy cuts the connection after it forwards the piece, while
    /// the server works on it or has not yet started.
    /// </summary>
    public void CutAfterRequestsWhere(Func<ReadOnlyMemory<byte>, bool>? loses) => _losesRequest = loses;

    /// <summary>Calls an action that can change each piece of an answer.</summary>
    public void ForgeAnswers(Action<Memory<byte>> forge) => _forgeAnswer = forge;

    public async ValueTask DisposeAsync()
    {
        Cut();
        _listener.Stop();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
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
        var id = Guid.NewGuid();
        void Close()
        {
            client.Close();
            server.Close();
        }

        _connections[id] = Close;
        try
        {
            if (_isCut)
                return;
            await server.ConnectAsync(IPAddress.Loopback, _serverPort);
            await Task.WhenAny(
                CopyAsync(client.GetStream(), server.GetStream(), _ => false, piece => _losesRequest?.Invoke(piece) == true),
                CopyAsync(server.GetStream(), client.GetStream(), LosesAnswer, _ => false));
        }
        catch (Exception exception)
            when (exception is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The connection was cut.
        }
        finally
        {
            Close();
            _connections.TryRemove(id, out _);
        }
    }

    private bool LosesAnswer(Memory<byte> piece)
    {
        _forgeAnswer?.Invoke(piece);
        return _losesAnswer?.Invoke() == true;
    }

    private static async Task CopyAsync(
        NetworkStream from, NetworkStream to, Func<Memory<byte>, bool> stopsBefore, Func<ReadOnlyMemory<byte>, bool> stopsAfter)
    {
        try
        {
            var buffer = new byte[64 * 1024];
            for (int length; (length = await from.ReadAsync(buffer)) > 0;)
            {
                var piece = buffer.AsMemory(0, length);
                if (stopsBefore(piece))
                    return;
                var stops = stopsAfter(piece); // evaluated before the answer can arrive
                await to.WriteAsync(piece);
                if (stops)
                    return;
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The connection was cut.
        }
    }
}
