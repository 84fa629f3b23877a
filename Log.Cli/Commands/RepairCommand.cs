using System.CommandLine;
using LogKit.Cli.DiskLogs;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;
using LogKit.Disk.Inspection;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit repair</c>: cuts a log at its first damage, so that it opens. Requires an option that confirms this.</summary>
internal static class RepairCommand
{
    private const string FlagName = "--truncate-at-first-error";

    private const string Examples =
        """
        Example: see what would be lost, then cut the log at the first damage
          logkit verify /var/lib/logkit
          logkit repair /var/lib/logkit --truncate-at-first-error

        Everything that is removed is kept next to the log, in files that it ignores: NAME.log.removed-POSITION is the part of a segment
        from that byte on, NAME.log.removed is a whole segment. Damage that affects no record (a seal, zeros) is repaired in place. If a
        repair is interrupted, run it again. If the log is replicated, or there is a backup, restoring that loses less.
        """;

    public static Command Create(CliContext context)
    {
        var directory = LogDirectory.CreateArgument();
        var flag = new Option<bool>(FlagName)
        {
            Description = "Cut the log at its first damaged record; the log loses that record and all records after it, sound or not",
        };
        var command = new ExampleCommand("repair", "Cuts a damaged disk log so that it opens again.", Examples) { directory, flag };
        command.Validators.Add(result =>
        {
            if (!result.GetValue(flag))
            {
                result.AddError($"repair needs {FlagName}: the log loses its first damaged record and all that follow, sound or not; "
                    + "'logkit verify' shows where that is");
            }
        });
        command.SetAction((parsed, stopping) => RunAsync(parsed.GetValue(directory)!, context, stopping));
        return command;
    }

    private static async Task<int> RunAsync(string directory, CliContext context, CancellationToken stopping)
    {
        var report = await LogDirectory.WithProgressAsync(context.Terminal, progress => LogDirectory.Guard(
            directory, () => LogRepair.TruncateAtFirstError(directory, progress, stopping)));
        if (report.Refusal is { } refusal)
        {
            await context.Stderr.WriteLineAsync($"error: cannot repair {directory}: {refusal}");
            await context.Stderr.WriteLineAsync("nothing was changed");
            return ExitCodes.Failed;
        }

        var output = new LineOutput(context.Stdout);
        if (report.Before.IsSound)
            await output.WriteLineAsync($"there is nothing to repair: {report.After.Range}");
        else
            await WriteAsync(report, output);

        await output.FlushAsync();
        return report.After.IsSound ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static async Task WriteAsync(LogRepairReport report, LineOutput output)
    {
        foreach (var damage in report.Mended)
            await output.WriteLineAsync($"mended: {damage.File}: {damage}");
        if (report.CutAt is { } cut)
            await output.WriteLineAsync($"cut: {cut.File}: {cut}");
        if (report.NewStartOffset is { } start)
            await output.WriteLineAsync($"start: the log now starts at offset {start}; records that were truncated may be readable again");
        var lost = report.LostFrom is { } first ? Lost(first, report.LostBefore) : "no record";
        var kept = report.KeptIn.Count == 0 ? "" : $"; kept in {string.Join(", ", report.KeptIn)}";
        await output.WriteLineAsync($"lost: {lost}{kept}");
        await VerificationLines.WriteAsync(report.After, output);
    }

    private static string Lost(ulong first, ulong next) => next > first
        ? $"{VerificationLines.Offsets(first, next)} ({VerificationLines.Count(next - first, "record")}) as far as can be determined"
        : FormattableString.Invariant($"what begins at offset {first}; how many records cannot be told");
}
