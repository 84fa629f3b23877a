using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hostile.Soak;

/// <summary>The server of a soak: one process after another over the same directory, each on a port of its own.</summary>
internal sealed class SoakServer(string directory, GrpcLogOptions options, params IReadOnlyList<string> settings) : IDisposable
{
    private readonly List<ServerProcess> _processes = [];
    private volatile string _address = "";

    public string Directory => directory;

    /// <summary>Where the latest process listens.</summary>
    public string Address => _address;

    public int Starts => _processes.Count;

    /// <summary>What all its processes wrote of errors, and on the standard error.</summary>
    public IEnumerable<string> Complaints => _processes.SelectMany(process => process.Output.Split('\n').Where(IsError).Concat(
        process.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)));

    /// <summary>
    /// What a client meets when its server is killed, starts, or does not let it in for a while; anything else is a mistake.
    /// </summary>
    public static bool IsInterruption(Exception exception) =>
        exception is LogUnavailableException or AppendOutcomeUnknownException or LogAccessException;

    public async Task StartAsync()
    {
        var process = ServerProcess.StartOn(directory, settings);
        process.ExpectsAnyEntries(); // reloads and refusals, as many as there are kills; errors are looked for at the end
        _processes.Add(process);
        // As its certificate calls it.
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
