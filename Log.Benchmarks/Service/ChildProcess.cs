using System.Diagnostics;

namespace LogKit.Benchmarks.Service;

/// <summary>A process whose output is read line by line. It is killed on disposal.</summary>
internal sealed class ChildProcess : IDisposable
{
    private readonly Process _process;

    private ChildProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public static ChildProcess Start(string file, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, UseShellExecute = false };
        start.Environment["DOTNET_gcServer"] = "1"; // the same as for the real server
        return new ChildProcess(Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start"));
    }

    /// <summary>Starts a program in the directory of this one.</summary>
    public static ChildProcess StartAssembly(string assembly, params IEnumerable<string> arguments) =>
        Start("dotnet", [Path.Combine(AppContext.BaseDirectory, assembly), .. arguments]);

    /// <summary>Returns the next line that contains these words.</summary>
    public async Task<string> ReadLineAsync(string words = "")
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.Contains(words, StringComparison.Ordinal))
                return line;
        }

        throw new InvalidOperationException(
            $"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} ended too early");
    }

    /// <summary>Reads the remaining output and waits for a successful exit. Returns the last line.</summary>
    public async Task<string> ReadToEndAsync()
    {
        var output = await _process.StandardOutput.ReadToEndAsync();
        await _process.WaitForExitAsync();
        return _process.ExitCode == 0
            ? output.TrimEnd().Split('\n')[^1]
            : throw new InvalidOperationException(
                $"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} failed");
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
