using LogKit.Benchmarks.Service;
using LogKit.Client;
using LogKit.Conformance;
using LogKit.Disk;
using LogKit.InMemory;
using LogKit.Postgres;
using LogKit.Tests.Postgres;
using Samples;

namespace LogKit.Benchmarks.Sheet;

/// <summary>
/// The performance sheet of the conformance suite for every log of this repository, side by side, from one run. The remote forms are the
/// real server in a process of its own.
/// </summary>
internal sealed class SheetBenchmarks(BenchmarkSettings settings)
{
    public async Task RunAsync()
    {
        using var servers = new Servers();
        var disk = await servers.AddAsync(ServerProcess.StartOnAsync(settings.NewPath()));
        var memory = await servers.AddAsync(ServerProcess.StartLogKitAsync("--Log:Backend=Memory"));
        var logs = new List<(string, LogHarness)>
        {
            Log("memory", () => new InMemoryLog()),
            Log("memory, remote", () => GrpcLog.Connect(memory)),
            Log("disk", () => DiskLog.Open(settings.NewPath())),
            Log("disk, remote", () => GrpcLog.Connect(disk)),
            Log("SQLite sample", () => SqliteLog.Open(settings.NewPath())),
        };
        using var cluster = PostgresCluster.ReasonToSkip is null ? new PostgresCluster() : null;
        if (cluster is not null)
        {
            var options = new PostgresLogOptions { ConnectionString = cluster.ConnectionString, LogName = "sheet" };
            var remote = await servers.AddAsync(ServerProcess.StartLogKitAsync(
                "--Log:Backend=Postgres", "--Log:LogName=served", $"--Log:ConnectionString={cluster.ConnectionString}"));
            logs.Add(("PostgreSQL", new OneLogHarness(async () => await PostgresLog.OpenAsync(options))));
            logs.Add(Log("PostgreSQL, remote", () => GrpcLog.Connect(remote)));
        }
        else
        {
            Console.WriteLine($"(PostgreSQL is left out: {PostgresCluster.ReasonToSkip})");
        }

        Console.Write(await LogRules.MeasureAsync(logs, TimeSpan.FromSeconds(settings.Seconds)));
    }

    private static (string Name, LogHarness Harness) Log(string name, Func<ILog> open) =>
        (name, new OneLogHarness(() => ValueTask.FromResult(open())));

    private sealed class OneLogHarness(Func<ValueTask<ILog>> open) : LogHarness
    {
        public override ValueTask<ILog> OpenAsync(string name) => open();
    }

    private sealed class Servers : IDisposable
    {
        private readonly List<ServerProcess> _started = [];

        public async Task<string> AddAsync(Task<ServerProcess> starting)
        {
            _started.Add(await starting);
            return _started[^1].Address;
        }

        public void Dispose() => _started.ForEach(server => server.Dispose());
    }
}
