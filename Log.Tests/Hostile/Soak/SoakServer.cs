using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hostile.Soak;

/// <summary>The server of a soak: a succession of processes on the same directory, each on its own port.</summary>
internal sealed class SoakServer(string directory, GrpcLogOptions options, params IReadOnlyList<string> settings) : IDisposable
{
    private readonly List<ServerProcess> _processes = [];
    private volatile string _address = "";

    public string Directory => directory;

    /// <summary>The address of the latest process.</summary>
    public string Address => _address;

    public int Starts => _processes.Count;

    /// <summary>The error entries in the journals of all processes, and everything on their standard error.</summary>
    public IEnumerable<string> Complaints => _processes.SelectMany(process => process.Output.Split('\n').Where(IsError).Concat(
        process.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)));

    /// <summary>
    /// Whether an exception is expected when the server is killed, starts, or refuses a client for a while. Any other exception is a
    /// failure.
    /// </summary>
    public static bool IsInterruption(Exception exception) =>
        exception is LogUnavailableException or AppendOutcomeUnknownException or LogAccessException;

    public async Task StartAsync()
    {
        var process = ServerProcess.StartOn(directory, settings);
        process.ExpectsAnyEntries(); // any number of reloads and refusals; Complaints has the errors
        _processes.Add(process);
        // The certificate is for localhost.
        _address = (await process.AddressAsync()).Replace("https://127.0.0.1", "https://localhost", StringComparison.Ordinal);
    }

    public async Task RestartByKillAsync()
    {
        _processes[^1].Signal("KILL");
        await _processes[^1].ExitCodeAsync();
        await StartAsync();
    }

    public async Task<int> StopAsync()
    {
        _processes[^1].Signal("TERM");
        return await _processes[^1].ExitCodeAsync();
    }

    public GrpcLog Connect() => GrpcLog.Connect(_address, options);

    public void Dispose() => _processes.ForEach(process => process.Dispose());

    private static bool IsError(string line) =>
        line.Contains("Z fail: ", StringComparison.Ordinal) || line.Contains("Z crit: ", StringComparison.Ordinal);
}
