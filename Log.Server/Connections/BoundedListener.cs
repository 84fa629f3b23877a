using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using LogKit.Server.Observability;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace LogKit.Server.Connections;

/// <summary>
/// Listens like Kestrel's own transport, and creates its connections, with two differences: it never accepts more connections than the
/// limit, and when the process is out of file descriptors it waits, while Kestrel retries immediately and forever.
/// </summary>
/// <remarks>
/// A connection takes a descriptor when it is accepted, before <see cref="ConnectionGate"/> can turn it away. So for a moment there are a
/// few more than the limit, which <see cref="SpareConnections"/> allows for.
/// </remarks>
internal sealed class BoundedListenerFactory(
    IOptions<SocketTransportOptions> options,
    TransportLimits limits,
    StrangerReports reports,
    IMemoryPoolFactory<byte> memory,
    ILoggerFactory journals
) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>The number of connections beyond the limit that may be open while they are being closed.</summary>
    public const int SpareConnections = 64;

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        Socket? socket = null;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(options.Value.Backlog);
        }
        catch (SocketException exception)
        {
            socket?.Dispose();
            throw exception.SocketErrorCode is SocketError.AddressAlreadyInUse
                ? new AddressInUseException(exception.Message, exception)
                : exception;
        }

        return ValueTask.FromResult<IConnectionListener>(new BoundedListener(
            socket, options.Value, limits.ConnectionLimit + SpareConnections, reports, memory, journals));
    }
}

/// <summary>A listening socket.</summary>
internal sealed class BoundedListener(
    Socket socket,
    SocketTransportOptions options,
    int places,
    StrangerReports reports,
    IMemoryPoolFactory<byte> memory,
    ILoggerFactory journals
) : IConnectionListener
{
    /// <summary>The delay before trying again to get a descriptor.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly SocketConnectionContextFactory _connections =
        new(OptionsFor(options, memory), journals.CreateLogger("Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets"));

    private readonly ILogger _journal = journals.CreateLogger<BoundedListener>();
    private readonly SemaphoreSlim _places = new(places);
    private readonly CancellationTokenSource _unbound = new();

    public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _unbound.Token);
        try
        {
            await _places.WaitAsync(ending.Token);
            while (true)
            {
                try
                {
                    return Connect(await socket.AcceptAsync(ending.Token));
                }
                catch (SocketException exception)
                    when (exception.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
                {
                    if (reports.MaySay(StrangerEvent.NoDescriptor))
                        _journal.LogNoDescriptor(exception.Message);
                    await Task.Delay(Pause, ending.Token);
                }
                catch (SocketException exception) when (exception.SocketErrorCode is not SocketError.OperationAborted)
                {
                    // The client disconnected before it was accepted.
                }
            }
        }
        catch (Exception exception)
            when (_unbound.IsCancellationRequested && exception is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            return null;
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _unbound.Cancel();
        socket.Dispose();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync();
        _connections.Dispose();
    }

    private static SocketConnectionFactoryOptions OptionsFor(SocketTransportOptions options, IMemoryPoolFactory<byte> memory)
    {
        var connections = new SocketConnectionFactoryOptions
        {
            IOQueueCount = options.IOQueueCount,
            WaitForDataBeforeAllocatingBuffer = options.WaitForDataBeforeAllocatingBuffer,
            MaxReadBufferSize = options.MaxReadBufferSize,
            MaxWriteBufferSize = options.MaxWriteBufferSize,
        };
        try
        {
            SetMemoryPoolFactory(connections, memory);
        }
        catch (MissingMethodException)
        {
            // A later ASP.NET Core without this property: its default must do.
        }

        return connections;
    }

    // Kestrel's own transport sets this, which is not public. Without it connections take their buffers from the shared array pool, which
    // keeps too few: with 1,000 tails the server needed 200 MB more.
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_MemoryPoolFactory")]
    private static extern void SetMemoryPoolFactory(SocketConnectionFactoryOptions options, IMemoryPoolFactory<byte> value);

    private ConnectionContext Connect(Socket accepted)
    {
        accepted.NoDelay = options.NoDelay;
        var connection = _connections.Create(accepted);
        connection.ConnectionClosed.UnsafeRegister(static places => ((SemaphoreSlim)places!).Release(), _places);
        return connection;
    }
}
