using System.CommandLine;
using LogKit.Cli.Arguments;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;
using LogKit.Client;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit range</c>: prints the range of the log.</summary>
internal static class RangeCommand
{
    private const string Examples =
        """
        Example: the log contains the offsets from 10 up to but not including 40
          $ logkit range
          [10, 40) 30 records
        """;

    public static Command Create(CliContext context, ServerOptions server)
    {
        var command = new ExampleCommand("range", "Shows which offsets can be read, and the number of records.", Examples);
        server.AddTo(command);
        command.SetAction((parsed, stopping) => RunAsync(token => server.ConnectAsync(parsed, token), context, stopping));
        return command;
    }

    private static async Task<int> RunAsync(
        Func<CancellationToken, Task<GrpcLog>> connect, CliContext context, CancellationToken stopping)
    {
        await using var log = await connect(stopping);
        var range = await log.GetRangeAsync(stopping);
        var output = new LineOutput(context.Stdout);
        await output.WriteLineAsync($"{range} {range.Count} {(range.Count == 1 ? "record" : "records")}");
        await output.FlushAsync();
        return ExitCodes.Done;
    }
}
