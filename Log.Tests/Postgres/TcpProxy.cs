using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace LogKit.Tests.Postgres;

/// <summary>
/// A TCP proxy that can cut connections, also just before an answer is forwarded, and can forge answers.
/// </summary>
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

    /// <summary>A way to the tests' server, which says there that it is PostgreSQL 12.</summary>
    public static TcpProxy ToOldServer()
    {
        var way = new TcpProxy(PostgresCluster.Shared.Port);
        way.ForgeAnswers(piece =>
        {
            var name = "server_version\0"u8;
            if (piece.Span.IndexOf(name) is var index and >= 0)
                "12"u8.CopyTo(piece.Span[(index + name.Length)..]); // what was before the point
        });
        return way;
    }

    /// <summary>Cuts all connections, and lets no other through until <see cref="Heal"/>.</summary>
    public void Cut()
    {
        _isCut = true;
        foreach (var connection in _connections.Values)
            connection();
    }

    public void Heal() => _isCut = false;

    /// <summary>
    /// Asks, for each piece of an answer, whether its connection is cut instead of passing it on. The server has done its work by then.
    /// </summary>
    public void LoseAnswersWhere(Func<bool>? loses) => _losesAnswer = loses;

    /// <summary>
    /// Asks, for each piece of a request, whether its connection is cut after passing it on: while the server is at work, or has not begun.
    /// </summary>
    public void CutAfterRequestsWhere(Func<ReadOnlyMemory<byte>, bool>? loses) => _losesRequest = loses;

    /// <summary>Lets each piece of an answer be changed.</summary>
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
            // Disposed, during an accept or between two.
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
            // Cut.
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
                var stops = stopsAfter(piece); // asked before the answer to it can be there
                await to.WriteAsync(piece);
                if (stops)
                    return;
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // Cut.
        }
    }
}
