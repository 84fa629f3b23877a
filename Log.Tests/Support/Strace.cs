using System.Diagnostics;
using System.Globalization;

namespace LogKit.Tests.Support;

/// <summary>Makes system calls of another process fail, below all of its code.</summary>
internal sealed class Strace : IDisposable
{
    private const string Program = "/usr/bin/strace";

    private static readonly Lazy<string?> Reason = new(FindReason);

    private readonly Process _process;

    private Strace(Process process) => _process = process;

    /// <summary>Why system calls cannot be made to fail on this machine; null if they can.</summary>
    public static string? ReasonToSkip => Reason.Value;

    /// <summary>
    /// Tampers with these system calls of a process and all of its threads until disposal. The outcome is an argument of strace's
    /// <c>inject=</c>.
    /// </summary>
    public static async Task<Strace> AttachAsync(int processId, string calls, string outcome)
    {
        var start = new ProcessStartInfo(
            Program,
            [
                "-f", "-o", "/dev/null", "-e", $"trace={calls}", "-e", $"inject={calls}:{outcome}", "-p",
                processId.ToString(CultureInfo.InvariantCulture),
            ])
        {
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        var process = Process.Start(start)!;
        var attached = await process.StandardError.ReadLineAsync().Within("strace to attach");
        Assert.Contains("attached", attached ?? "", StringComparison.Ordinal);
        _ = process.StandardError.ReadToEndAsync(); // reports about later threads
        return new Strace(process);
    }

    /// <summary>Runs a program with these system calls tampered with. The outcome is an argument of strace's <c>inject=</c>.</summary>
    public static Process Start(string calls, string outcome, params IEnumerable<string> command) => Process.Start(new ProcessStartInfo(
        Program, ["-f", "-qq", "-o", "/dev/null", "-e", $"trace={calls}", "-e", $"inject={calls}:{outcome}", .. command])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        UseShellExecute = false,
    })!;

    /// <summary>Detaches from the process. Its system calls work as before.</summary>
    public void Dispose()
    {
        using (var kill = Process.Start("kill", ["-s", "TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]))
            kill.WaitForExit();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static string? FindReason()
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(Program))
            return "there is no strace on this machine";
        using var process = Process.Start(
            new ProcessStartInfo(Program, ["-f", "-o", "/dev/null", "true"]) { RedirectStandardError = true, UseShellExecute = false })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? null : "strace may not trace processes on this machine";
    }
}
