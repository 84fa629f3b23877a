using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace LogKit.Tests.Support;

/// <summary>The real server in a separate process, on a free port, started as an operator starts it.</summary>
internal sealed partial class ServerProcess : IDisposable
{
    private const string Listening = "listening on ";

    /// <summary>
    /// Entries that every start and stop may write: version and address, data, memory warning, stopped, management address, settings file.
    /// </summary>
    private static readonly int[] OrdinaryEntries = [10, 11, 12, 13, 14, 16, 24];

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();
    private readonly TaskCompletionSource<string> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly List<(string Words, TaskCompletionSource Said)> _awaited = []; // guarded by _output

    private IReadOnlyList<int> _expected = [];
    private IReadOnlySet<int>? _expectedKinds;
    private bool _expectsAny;

    private ServerProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public string Output => Text(_output);

    public string Errors => Text(_errors);

    /// <summary>
    /// The event ids of the journal entries so far, in order, without those of an ordinary start and stop. What remains is changes and
    /// problems.
    /// </summary>
    public IReadOnlyList<int> Entries =>
    [
        .. JournalEntry().Matches(Output).Select(entry => int.Parse(entry.Groups["number"].Value, CultureInfo.InvariantCulture))
            .Where(number => !OrdinaryEntries.Contains(number)),
    ];

    /// <summary>Starts the server with these arguments, and with these environment variables in addition to those of the tests.</summary>
    public static ServerProcess Start(IEnumerable<string> arguments, params IEnumerable<(string Name, string Value)> variables) =>
        StartIn(workingDirectory: "", arguments, variables);

    /// <summary>Starts another program in the directory of the tests as the server.</summary>
    public static ServerProcess StartProgram(string assembly, params IEnumerable<string> arguments) =>
        Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, assembly), .. arguments]));

    /// <summary>Starts the server in a working directory, where it reads <c>appsettings.json</c>.</summary>
    public static ServerProcess StartIn(
        string workingDirectory, IEnumerable<string> arguments, params IEnumerable<(string Name, string Value)> variables)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "LogKit.Server.dll"), .. arguments])
        {
            WorkingDirectory = workingDirectory,
        };
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        return Start(start);
    }

    /// <summary>Starts a command that runs the server.</summary>
    public static ServerProcess Start(ProcessStartInfo start)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError, start.UseShellExecute) = (true, true, false);
        var process = Process.Start(start)!;
        var server = new ServerProcess(process);
        process.OutputDataReceived += (_, line) => server.Take(server._output, line.Data);
        process.ErrorDataReceived += (_, line) => server.Take(server._errors, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return server;
    }

    public static ServerProcess StartOn(string directory, params IEnumerable<string> arguments) =>
        Start(["--Log:Address=http://127.0.0.1:0", $"--Log:Directory={directory}", .. arguments]);

    /// <summary>Starts the server with a limit on its file descriptors.</summary>
    public static ServerProcess StartWithDescriptors(int count, params IEnumerable<string> arguments) =>
        Start(
            new ProcessStartInfo(
                "/bin/sh",
                [
                    "-c", $"ulimit -n {count} && exec dotnet \"$@\"", "sh", Path.Combine(AppContext.BaseDirectory, "LogKit.Server.dll"),
                    "--Log:Address=http://127.0.0.1:0", .. arguments,
                ]));

    /// <summary>
    /// Starts the server on a database. The connection string is in an environment variable, because other users can see the arguments.
    /// </summary>
    public static ServerProcess StartOnDatabase(string connectionString, params IEnumerable<string> arguments) => Start(
        ["--Log:Address=http://127.0.0.1:0", "--Log:Backend=Postgres", .. arguments], ("Log__ConnectionString", connectionString));

    /// <summary>Returns the address of the server once the server reports it.</summary>
    public async Task<string> AddressAsync()
    {
        await Task.WhenAny(_address.Task, _process.WaitForExitAsync()).Within("the server to listen or to exit");
        return _address.Task.IsCompletedSuccessfully
            ? await _address.Task
            : throw new InvalidOperationException($"the server did not start: {Errors}{Output}");
    }

    /// <summary>Completes once a line of the output contains these words. Earlier output counts.</summary>
    public Task SaysAsync(string words)
    {
        var said = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_output)
        {
            if (_output.ToString().Contains(words, StringComparison.Ordinal))
                return Task.CompletedTask;
            _awaited.Add((words, said));
        }

        return said.Task.Within($"the server to say: {words}");
    }

    public async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().Within("the server to exit");
        return _process.ExitCode;
    }

    /// <summary>Sends a signal by name: TERM, INT, KILL.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", ["-s", name, _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Sets the <see cref="Entries"/> that the server must have written when the test ends. The default is none.</summary>
    public void Expects(params IReadOnlyList<int> entries) => _expected = entries;

    /// <summary>Sets the entries that the server may write, any number of times, for a server that several tests share.</summary>
    public void ExpectsOnly(params IEnumerable<int> kinds) => _expectedKinds = kinds.ToHashSet();

    /// <summary>
    /// Accepts any entries, for a test in which entries may or may not occur, or which checks <see cref="Entries"/> itself.
    /// </summary>
    public void ExpectsAnyEntries() => _expectsAny = true;

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        if (_expectedKinds is { } kinds)
            Assert.True(
                Entries.All(kinds.Contains), $"the journal was to have only the entries [{string.Join(", ", kinds)}], and is:\n{Output}");
        else if (!_expectsAny)
            Assert.True(
                Entries.SequenceEqual(_expected),
                $"the journal was to have the entries [{string.Join(", ", _expected)}], and is:\n{Output}");
    }

    private void Take(StringBuilder text, string? line)
    {
        if (line is null)
            return;
        lock (text)
            text.AppendLine(line);
        lock (_output)
        {
            foreach (var (words, said) in _awaited.Where(awaited => line.Contains(awaited.Words, StringComparison.Ordinal)))
                said.TrySetResult();
        }

        if (line.IndexOf(Listening, StringComparison.Ordinal) is var index and >= 0)
            _address.TrySetResult(line[(index + Listening.Length)..].Split(' ')[0]);
    }

    [GeneratedRegex(
        @"^\S+Z (trce|dbug|info|warn|fail|crit): [\w.]+\[(?<number>\d+)\]",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex JournalEntry();

    private static string Text(StringBuilder text)
    {
        lock (text)
            return text.ToString();
    }
}
