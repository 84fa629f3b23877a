using System.Globalization;

namespace LogKit.Benchmarks.Service;

/// <summary>A server in a separate process: the real one, as it is deployed, or one to compare it with.</summary>
internal sealed class ServerProcess : IDisposable
{
    private const string Listening = "listening on ";
    private const double TicksPerSecond = 100; // the unit of times in /proc

    private readonly ChildProcess _process;

    private ServerProcess(ChildProcess process, string address) => (_process, Address) = (process, address);

    public string Address { get; }

    public int Id => _process.Id;

    /// <summary>The processor time used so far, in seconds.</summary>
    public double ProcessorSeconds
    {
        get
        {
            var fields = File.ReadAllText($"/proc/{_process.Id}/stat").Split(") ")[1].Split(' ');
            return (double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture))
                / TicksPerSecond;
        }
    }

    /// <summary>The peak memory use, in bytes.</summary>
    public double PeakMemoryBytes
    {
        get
        {
            var line = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
        }
    }

    /// <summary>Starts the real server with default settings, except for these.</summary>
    public static Task<ServerProcess> StartLogKitAsync(params string[] settings) =>
        StartAsync("LogKit.Server.dll", ["--Log:Address=http://127.0.0.1:0", .. settings]);

    /// <summary>Starts the real server on a directory.</summary>
    public static Task<ServerProcess> StartOnAsync(string directory) => StartLogKitAsync($"--Log:Directory={directory}");

    /// <summary>Starts one of the servers in <see cref="Peers.PeerServer"/>.</summary>
    public static Task<ServerProcess> StartPeerAsync(params object[] arguments) =>
        StartAsync(
            "LogKit.Benchmarks.dll", ["serve", .. arguments.Select(argument => Convert.ToString(argument, CultureInfo.InvariantCulture)!)]);

    public void Dispose() => _process.Dispose();

    private static async Task<ServerProcess> StartAsync(string assembly, IEnumerable<string> arguments)
    {
        var process = ChildProcess.StartAssembly(assembly, arguments);
        var line = await process.ReadLineAsync(Listening);
        return new ServerProcess(process, line[(line.IndexOf(Listening, StringComparison.Ordinal) + Listening.Length)..].Split(' ')[0]);
    }
}
