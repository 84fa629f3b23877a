using System.CommandLine;
using LogKit.Cli.DiskLogs;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;
using LogKit.Disk.Inspection;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit backup</c>: copies a log, which may be in use, to a directory that opens as a log.</summary>
internal static class BackupCommand
{
    private const string Examples =
        """
        Example:
          $ logkit backup /var/lib/logkit /backup/logkit-monday
          00000000000000000000.log: offsets 0 to 1233, 1,234 records, 617 frames, 65,123 bytes: sound, not sealed
          sound: [0, 1234), 1 segment

        The copy contains everything that was acknowledged before the command began. It is flushed and verified. A server may have the log
        open and append to it. The target must be an empty directory, or not exist. To restore, start a server on the copy, or on a copy
        of it. Do not copy the files of a log in use in any other way, except by a snapshot of the whole file system: they would not be
        consistent. The exit code is 1 if the log, and so the copy, is damaged.
        """;

    public static Command Create(CliContext context)
    {
        var directory = new Argument<string>("directory") { Description = "The directory of a log, which may be in use" };
        var target = new Argument<string>("target") { Description = "The directory for the copy, which must be empty or not exist" };
        var command = new ExampleCommand("backup", "Copies a disk log, in use or not, and verifies the copy.", Examples)
        {
            directory,
            target,
        };
        command.SetAction((parsed, stopping) => RunAsync(parsed.GetValue(directory)!, parsed.GetValue(target)!, context, stopping));
        return command;
    }

    private static async Task<int> RunAsync(string directory, string target, CliContext context, CancellationToken stopping)
    {
        var verification = await LogDirectory.WithProgressAsync(
            context.Terminal, progress => LogDirectory.Guard(directory, () => LogBackup.Copy(directory, target, progress, stopping)));
        var output = new LineOutput(context.Stdout);
        await VerificationLines.WriteAsync(verification, output);
        await output.FlushAsync();
        return verification.IsSound ? ExitCodes.Done : ExitCodes.Failed;
    }
}
