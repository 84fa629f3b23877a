using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace LogKit.Tests.Postgres;

/// <summary>
/// A database server for tests, created by initdb in a temporary directory, on a free port of the loopback address, and run as an
/// unprivileged user. It stops when this process ends, for whatever reason.
/// </summary>
internal sealed class PostgresCluster : IDisposable
{
    private static readonly Lazy<PostgresCluster> LazyShared = new(() => new PostgresCluster());

    private readonly string _directory = Directory.CreateTempSubdirectory("logkit-pg-").FullName;
    private readonly string _data;
    private readonly Process _remover;
    private readonly int _connectionLimit;

    public PostgresCluster(int connectionLimit = 300)
        : this(connectionLimit, cluster => cluster.RunAsUser(
            Binary("initdb"), "-D", cluster._data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", cluster.PasswordFile(),
            "-E", "UTF8", "--no-locale", "--no-sync"))
    {
    }

    private PostgresCluster(int connectionLimit, Action<PostgresCluster> make)
    {
        _connectionLimit = connectionLimit;
        _data = Path.Combine(_directory, "data");
        if (Environment.IsPrivilegedProcess)
            Run("chown", User, _directory);
        make(this);
        Port = FreePort();
        _remover = StartRemover();
        Start();
    }

    public const string Password = "a-secret-of-the-tests";

    /// <summary>The application name that a standby connects with.</summary>
    public const string StandbyName = "standby";

    /// <summary>The cluster that tests share. Each test uses its own schema or log.</summary>
    public static PostgresCluster Shared => LazyShared.Value;

    /// <summary>Why PostgreSQL cannot be used on this machine; null if it can.</summary>
    public static string? ReasonToSkip { get; } =
        Find("initdb") is null || Find("pg_ctl") is null
            ? "needs PostgreSQL's initdb and pg_ctl, which are neither in /usr/lib/postgresql/*/bin nor in PATH"
        : Environment.IsPrivilegedProcess && Find("setpriv", "/usr/bin") is null
            ? "PostgreSQL does not run as root, and there is no setpriv to run it as somebody else"
        : OperatingSystem.IsWindows() ? "needs a Unix system"
        : null;

    public int Port { get; }

    public string ConnectionString => ConnectionStringAt(Port);

    public static string ConnectionStringAt(int port) =>
        new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = port,
            Username = "postgres",
            Password = Password,
            Database = "postgres",
        }.ConnectionString;

    /// <summary>Stops the server without a shutdown, like a crash.</summary>
    public void Stop() => RunAsUser(Binary("pg_ctl"), "-D", _data, "-m", "immediate", "-w", "stop");

    public void Start()
    {
        // On a busy machine, a killed process of the server may take a while to exit, and keeps its shared memory until then.
        for (var tries = 20; ; tries--)
        {
            try
            {
                // A promotion right after the loss of the primary may have to wait for wal_retrieve_retry_interval.
                RunAsUser(
                    Binary("pg_ctl"), "-D", _data, "-w", "-l", Path.Combine(_directory, "journal"), "-o",
                    $"-p {Port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c shared_buffers=32MB "
                        + $"-c max_connections={_connectionLimit} -c autovacuum=off -c wal_retrieve_retry_interval=100ms",
                    "start");
                return;
            }
            catch (InvalidOperationException) when (tries > 0)
            {
                Thread.Sleep(250);
            }
        }
    }

    /// <summary>Kills every process of the server. Returns once they are gone.</summary>
    public void Kill()
    {
        // Stops the postmaster first, so that it starts no more processes.
        const string Script = """
            running() { ps -A -o "$1"= -o stat= -o pid= | awk -v id="$2" '$1 == id && $2 !~ /^Z/ { print $3 }'; }
            kill -STOP "$0"
            while children=$(running ppid "$0"); [ -n "$children" ]; do kill -KILL $children; done
            kill -KILL "$0"
            while [ -n "$(running pid "$0")" ]; do sleep 0.01; done
            """;
        Run("/bin/sh", "-c", Script, File.ReadLines(PidFile).First());
        File.Delete(PidFile); // so that nothing takes an unrelated process for the server
    }

    /// <summary>Freezes every process of the server: connections stay open, but get no answer.</summary>
    public void Freeze() => SignalAll("STOP");

    /// <summary>Resumes frozen processes.</summary>
    public void Thaw() => SignalAll("CONT");

    /// <summary>Creates another server, which follows this one.</summary>
    public PostgresCluster CreateStandby() => new(_connectionLimit, standby => standby.CopyFrom(this));

    /// <summary>
    /// Discards the data of this server and makes it follow another, starting with a copy of it. The server must not be running.
    /// </summary>
    public void Follow(PostgresCluster primary)
    {
        Directory.Delete(_data, recursive: true);
        CopyFrom(primary);
        Start();
    }

    /// <summary>Promotes a standby to primary.</summary>
    public void Promote() => RunAsUser(Binary("pg_ctl"), "-D", _data, "-w", "promote");

    /// <summary>Stops the server and deletes it in the background. Without this call, that happens when this process ends.</summary>
    public void Dispose() => _remover.StandardInput.Close();

    /// <summary>Returns a path in the directory of the cluster, next to its data.</summary>
    public string this[string name] => Path.Combine(_directory, name);

    /// <summary>Creates a tablespace in an empty directory of the cluster.</summary>
    public async Task CreateTablespaceAsync(string name)
    {
        if (Environment.IsPrivilegedProcess)
            Run("chown", User, this[name]);
        await ExecuteAsync($"create tablespace {name} location '{this[name]}'");
    }

    public async Task<object?> ExecuteAsync(string text)
    {
        await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(text, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>The log file of the server.</summary>
    public string JournalText() =>
        File.Exists(Path.Combine(_directory, "journal")) ? File.ReadAllText(Path.Combine(_directory, "journal")) : "";

    private static string User => "nobody";

    private string PidFile => Path.Combine(_data, "postmaster.pid");

    private static string Binary(string name) => Find(name) ?? throw new InvalidOperationException($"there is no {name}");

    /// <summary>Returns the path of a program; null if it is not installed.</summary>
    public static string? Find(string name, params string[] more)
    {
        var installed = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(Version).Select(version => Path.Combine(version, "bin"))
            : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return installed.Concat(path).Concat(more).Select(directory => Path.Combine(directory, name)).FirstOrDefault(IsThere);

        // A broken link does not count.
        static bool IsThere(string file) =>
            File.Exists(file) && new FileInfo(file).ResolveLinkTarget(returnFinalTarget: true) is not { Exists: false };

        static int Version(string directory) =>
            int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var version) ? version : 0;
    }

    /// <summary>
    /// Returns a port below the range from which the system assigns ports, so that it stays free while its server is stopped.
    /// </summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // The port is in use.
            }
        }
    }

    private string PasswordFile()
    {
        var file = Path.Combine(_directory, "password");
        File.WriteAllText(file, Password);
        return file;
    }

    private void SignalAll(string signal) =>
        Run(
            "/bin/sh",
            "-c",
            $"kill -{signal} $0 $(ps -A -o ppid= -o pid= | awk -v id=$0 '$1 == id {{ print $2 }}')",
            File.ReadLines(PidFile).First());

    private void CopyFrom(PostgresCluster primary) => RunAsUser(
        Binary("pg_basebackup"), "-D", _data, "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-d",
        $"host=127.0.0.1 port={primary.Port} user=postgres password={Password} application_name={StandbyName}");

    /// <summary>Returns a command that runs as an unprivileged user if the tests run as root; otherwise, the command itself.</summary>
    public static string[] AsUser(params string[] command) => Environment.IsPrivilegedProcess
        ? ["setpriv", "--reuid", User, "--regid", "nogroup", "--clear-groups", .. command] : command;

    private void RunAsUser(params string[] command)
    {
        var asUser = AsUser(command);
        Run(asUser[0], asUser[1..]);
    }

    private void Run(string binary, params string[] arguments)
    {
        var start = new ProcessStartInfo(
            "/bin/sh", ["-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", Path.Combine(_directory, "output"), binary, .. arguments])
        {
            WorkingDirectory = _directory,
        };
        if (!File.Exists(start.ArgumentList[2]))
            File.WriteAllText(start.ArgumentList[2], "");
        using var process = Process.Start(start)!;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException(
                $"{binary} ended with {process.ExitCode}: {File.ReadAllText(start.ArgumentList[2])}{JournalText()}");
    }

    // Starts a shell that waits until this process closes a pipe, which happens even if the process crashes. It then stops the server and
    // deletes its directory.
    private Process StartRemover()
    {
        const string Script = """
            cat >/dev/null
            server=$(head -n 1 "$0/data/postmaster.pid")
            kill -QUIT $server
            kill -CONT $server
            for i in 1 2 3 4 5 6 7 8 9 10; do [ -e "$0/data/postmaster.pid" ] && sleep 0.1; done
            rm -rf "$0"
            """;
        var start = new ProcessStartInfo("setsid", ["/bin/sh", "-c", $"({Script}) >/dev/null 2>&1", _directory])
        {
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        return Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start");
    }
}
