using System.CommandLine;
using LogKit.Cli.DiskLogs;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit verify</c>: checks every byte of a log that is not open, and changes nothing.</summary>
internal static class VerifyCommand
{
    private const string Examples =
        """
        Example:
          $ logkit verify /var/lib/logkit
          00000000000000000000.log: offsets 0 to 1233, 1,234 records, 617 frames, 65,123 bytes: sound, sealed
          sound: [0, 1234), 1 segment

        An unfinished tail is an append that was never acknowledged. It is not damage, and opening the log cuts it off. The exit code is 0
        if the log is sound, and 1 if anything is damaged or cannot be read. Nothing is changed.
        """;

    public static Command Create(CliContext context)
    {
        var directory = LogDirectory.CreateArgument();
        var command = new ExampleCommand("verify", "Checks every byte of a disk log, segment by segment.", Examples) { directory };
        command.SetAction((parsed, stopping) => RunAsync(parsed.GetValue(directory)!, context, stopping));
        return command;
    }

    private static async Task<int> RunAsync(string directory, CliContext context, CancellationToken stopping)
    {
        using var log = await LogDirectory.OpenAsync(directory, context.Stderr);
        var verification = await LogDirectory.WithProgressAsync(
            context.Terminal, progress => LogDirectory.Guard(directory, () => log.Verify(progress, stopping)));
        var output = new LineOutput(context.Stdout);
        await VerificationLines.WriteAsync(verification, output);
        await output.FlushAsync();
        return verification.IsSound ? ExitCodes.Done : ExitCodes.Failed;
    }
}
