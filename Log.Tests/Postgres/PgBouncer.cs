using System.Diagnostics;
using LogKit.Tests.Support;

namespace LogKit.Tests.Postgres;

/// <summary>PgBouncer in front of a database, in a separate process.</summary>
internal sealed class PgBouncer : IDisposable
{
    private const string IsUp = "process up";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("logkit-pgbouncer-");
    private readonly Process _process;

    private PgBouncer(int databasePort, int port, string settings)
    {
        var file = Path.Combine(_directory.FullName, "pgbouncer.ini");
        File.WriteAllText(file, $"""
            [databases]
            postgres = host=127.0.0.1 port={databasePort} user=postgres password={PostgresCluster.Password}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            {settings}
            """);
        if (Environment.IsPrivilegedProcess && !OperatingSystem.IsWindows())
            File.SetUnixFileMode(
                _directory.FullName, File.GetUnixFileMode(_directory.FullName) | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        var command = PostgresCluster.AsUser(PostgresCluster.Find("pgbouncer", "/usr/sbin")!, file);
        _process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true, UseShellExecute = false })!;
        ConnectionString = PostgresCluster.ConnectionStringAt(port);
    }

    /// <summary>Why PgBouncer cannot be used on this machine; null if it can.</summary>
    public static string? ReasonToSkip { get; } =
        PostgresCluster.ReasonToSkip
        ?? (PostgresCluster.Find("pgbouncer", "/usr/sbin") is null ? "needs pgbouncer, which is not in PATH" : null);

    public string ConnectionString { get; }

    /// <param name="cluster">The database that the pooler connects to.</param>
    /// <param name="settings">Lines for the [pgbouncer] section of the configuration.</param>
    public static async Task<PgBouncer> StartAsync(PostgresCluster cluster, string settings)
    {
        var pooler = new PgBouncer(cluster.Port, PostgresCluster.FreePort(), settings);
        var up = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var said = new List<string>();
        pooler._process.ErrorDataReceived += (_, line) =>
        {
            lock (said)
                said.Add(line.Data ?? "");
            if (line.Data is null || line.Data.Contains(IsUp, StringComparison.Ordinal))
                up.TrySetResult(line.Data is not null);
        };
        pooler._process.BeginErrorReadLine();
        if (await up.Task.Within("PgBouncer to be up"))
            return pooler;
        pooler.Dispose();
        lock (said)
            throw new InvalidOperationException($"PgBouncer did not start: {string.Join('\n', said)}");
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _directory.Delete(recursive: true);
    }
}
