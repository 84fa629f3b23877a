using System.CommandLine;
using LogKit.Cli.Arguments;
using LogKit.Cli.DiskLogs;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;
using LogKit.Disk.Inspection;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit dump</c>: prints the frames of a log that is not open, one per line.</summary>
internal static class DumpCommand
{
    private const string Examples =
        """
        Example: two frames, starting with the one that contains offset 120
          $ logkit dump /var/lib/logkit --from 120 -n 2
          00000000000000000000.log 4200 offset 119 records 2 payload 16 flushed 4200 crc ok
          00000000000000000000.log 4248 offset 121 records 1 payload 8 flushed 4248 crc ok

        The numbers are the position of the frame in the file, its first offset, its number of records, the length of its payload, and the
        position up to which the file was flushed when the frame was written. Damage is reported as a line, and the exit code is then 1.
        Nothing is changed.
        """;

    public static Command Create(CliContext context)
    {
        var directory = LogDirectory.CreateArgument();
        var from = NumberOption.Create("--from", "Start with the frame that contains this offset", ulong.MinValue, ulong.MaxValue);
        var count = NumberOption.Create("--count", "Stop after this many frames", 1ul, ulong.MaxValue, "-n");
        var command = new ExampleCommand("dump", "Shows the frames of a disk log.", Examples) { directory, from, count };
        command.SetAction((parsed, stopping) => RunAsync(
            parsed.GetValue(directory)!, parsed.GetValue(from), parsed.GetResult(count) is null ? ulong.MaxValue : parsed.GetValue(count),
            context, stopping));
        return command;
    }

    private static async Task<int> RunAsync(
        string directory, ulong from, ulong count, CliContext context, CancellationToken stopping)
    {
        using var log = await LogDirectory.OpenAsync(directory, context.Stderr);
        var output = new LineOutput(context.Stdout);
        var exitCode = ExitCodes.Done;
        using var entries = log.Dump(from).GetEnumerator();
        while (count > 0 && LogDirectory.Guard(directory, entries.MoveNext))
        {
            stopping.ThrowIfCancellationRequested();
            await output.WriteLineAsync(LineOf(entries.Current));
            if (entries.Current.Frame is not null)
                count--;
            else if (entries.Current.Damage is not null)
                exitCode = ExitCodes.Failed;
        }

        await output.FlushAsync();
        return exitCode;
    }

    private static FormattableString LineOf(DumpEntry entry)
    {
        if (entry.Damage is { } damage)
            return $"{damage.File} {damage.Position} {damage}";
        if (entry.Unfinished is { } segment)
            return $"{segment.File} {segment.EndPosition} offset {segment.NextOffset} unfinished tail of {segment.UnfinishedBytes} bytes";
        var (file, position, offset, records, payload, flushed) = entry.Frame!.Value;
        return $"{file} {position} offset {offset} records {records} payload {payload} flushed {flushed} crc ok";
    }
}
