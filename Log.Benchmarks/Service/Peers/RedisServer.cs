using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace LogKit.Benchmarks.Service.Peers;

/// <summary>
/// Redis, configured to flush every write before it answers, and its own load generator, redis-benchmark, which is written in C.
/// </summary>
internal sealed class RedisServer : IDisposable
{
    private readonly ChildProcess _process;
    private readonly string _port;
    private double _recordsPerSecond = 50_000;

    private RedisServer(ChildProcess process, string port) => (_process, _port) = (process, port);

    /// <summary>Why Redis cannot be used on this machine; null if it can.</summary>
    public static string? ReasonToSkip { get; } =
        Find("redis-server") is null || Find("redis-benchmark") is null
            ? "needs redis-server and redis-benchmark in PATH (apt install redis-server)"
            : null;

    public static async Task<RedisServer> StartAsync(string directory)
    {
        Directory.CreateDirectory(directory);
        var port = FreePort().ToString(CultureInfo.InvariantCulture);
        var process = ChildProcess.Start(
            Find("redis-server")!,
            "--port",
            port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--dir",
            directory);
        await process.ReadLineAsync("Ready to accept connections");
        return new RedisServer(process, port);
    }

    /// <summary>
    /// Appends single records to a stream. Derives their number from the previous rate, so that it takes about this many seconds.
    /// </summary>
    public async Task<double> AppendsPerSecondAsync(int clients, int pipelined, int recordBytes, double seconds)
    {
        var count = (long)(_recordsPerSecond * seconds);
        using var benchmark = ChildProcess.Start(
            Find("redis-benchmark")!,
            "-p",
            _port,
            "-c",
            Text(clients),
            "-P",
            Text(pipelined),
            "-n",
            Text(count),
            "--csv",
            "XADD",
            "log",
            "*",
            "v",
            new string('x', recordBytes));
        var result = await benchmark.ReadToEndAsync();
        return _recordsPerSecond = double.Parse(result.Split("\",\"")[1], CultureInfo.InvariantCulture);
    }

    public void Dispose() => _process.Dispose();

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator).Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
