using System.CommandLine;
using LogKit.Cli.Errors;
using LogKit.Disk;
using LogKit.Disk.Inspection;
using Spectre.Console;

namespace LogKit.Cli.DiskLogs;

/// <summary>Shared by the commands that read the files of a log: the argument, failures, and progress.</summary>
internal static class LogDirectory
{
    public static Argument<string> CreateArgument() => new("directory") { Description = "The directory of a log that is not open" };

    /// <summary>Opens a log for reading. Writes a note to standard error if the lock could not be acquired.</summary>
    public static async Task<LogInspector> OpenAsync(string directory, TextWriter stderr)
    {
        var log = Guard(directory, () => LogInspector.Open(directory));
        if (log.LockProblem is { } problem)
            await stderr.WriteLineAsync($"note: continuing without the log's lock: {problem}");
        return log;
    }

    /// <summary>Runs work on the files of a log.</summary>
    /// <exception cref="CommandException">The files caused a failure.</exception>
    public static T Guard<T>(string directory, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (LogInUseException exception)
        {
            throw CommandException.CannotRead(directory, "the log is in use by another process", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CommandException.CannotRead(directory, exception.Message, exception);
        }
    }

    /// <summary>Runs a verification, with a progress bar on a terminal.</summary>
    /// <param name="terminal">The terminal; null to show nothing.</param>
    /// <param name="work">The verification, which gets the receiver of its progress; null if there is none.</param>
    public static Task<T> WithProgressAsync<T>(IAnsiConsole? terminal, Func<IProgress<VerificationProgress>?, T> work)
    {
        if (terminal is null)
            return Task.FromResult(work(null));

        ProgressColumn[] columns =
        [new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()];
        return terminal
            .Progress()
            .AutoClear(true)
            .Columns(columns)
            .StartAsync(context => Task.Run(() => work(new Bar(context.AddTask("verifying")))));
    }

    private sealed class Bar(ProgressTask task) : IProgress<VerificationProgress>
    {
        // Reporting each frame would take longer than verifying it.
        private const long StepBytes = 1024 * 1024;

        private long _shownBytes = -StepBytes;

        public void Report(VerificationProgress value)
        {
            if (Math.Abs(value.CheckedBytes - _shownBytes) < StepBytes && value.CheckedBytes < value.TotalBytes)
                return;
            _shownBytes = value.CheckedBytes;
            task.MaxValue = Math.Max(1, value.TotalBytes);
            task.Value = value.CheckedBytes;
        }
    }
}
