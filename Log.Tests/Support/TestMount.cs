using System.Diagnostics;

namespace LogKit.Tests.Support;

/// <summary>
/// A small in-memory file system for one test, mounted on a directory until disposal. It can be filled up or made read-only.
/// </summary>
internal sealed class TestMount : IDisposable
{
    private static readonly Lazy<string?> Problem = new(FindProblem);

    private readonly string _directory;

    public TestMount(string directory, int sizeBytes)
    {
        _directory = directory;
        Directory.CreateDirectory(directory);
        if (Run("mount", "-t", "tmpfs", "-o", FormattableString.Invariant($"size={sizeBytes}"), "tmpfs", directory) is { } problem)
            throw new InvalidOperationException(problem);
    }

    /// <summary>Why file systems cannot be mounted on this machine; null if they can.</summary>
    public static string? WhyNot => Problem.Value;

    public void MakeReadOnly()
    {
        if (Run("mount", "-o", "remount,ro", _directory) is { } problem)
            throw new InvalidOperationException(problem);
    }

    public void Dispose() => Run("umount", "--lazy", _directory); // lazy, because a failed test may have left a log open on it

    private static string? FindProblem()
    {
        if (!OperatingSystem.IsLinux())
            return "mounting a file system is for Linux only";
        using var directory = new TestDirectory();
        try
        {
            using var mount = new TestMount(directory["mount"], 4096);
            return null;
        }
        catch (InvalidOperationException exception)
        {
            return $"a file system cannot be mounted here: {exception.Message}";
        }
    }

    /// <summary>Runs a command. Returns its error output; null if it succeeded.</summary>
    private static string? Run(string command, params IEnumerable<string> arguments)
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo(command, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
            var complaint = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? null : complaint.Trim();
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            return $"{command}: {exception.Message}";
        }
    }
}
