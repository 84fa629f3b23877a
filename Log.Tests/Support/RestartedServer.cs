using LogKit.Client;

namespace LogKit.Tests.Support;

/// <summary>The real server on one directory and one port. A test can kill and restart it any number of times.</summary>
internal sealed class RestartedServer : IDisposable
{
    private readonly TestDirectory _directory = new();
    private ServerProcess? _server;

    /// <summary>The address of the server, which stays the same across restarts.</summary>
    public string Address { get; private set; } = "http://127.0.0.1:0";

    public GrpcLog Connect() => GrpcLog.Connect(Address);

    public async Task StartAsync()
    {
        _server = ServerProcess.Start([$"--Log:Address={Address}", $"--Log:Directory={_directory["log"]}"]);
        Address = await _server.AddressAsync();
    }

    /// <summary>Kills the process, so that it can neither notify clients nor flush.</summary>
    public async Task KillAsync()
    {
        _server!.Signal("KILL");
        await _server.ExitCodeAsync();
        _server.Dispose();
        _server = null;
    }

    public void Dispose()
    {
        _server?.Dispose();
        _directory.Dispose();
    }
}
