using System.CommandLine;
using LogKit.Client;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit range</c>: which offsets the log holds.</summary>
internal static class RangeCommand
{
    private const string Examples =
        """
        Example: the log holds the offsets from 10 up to, not including, 40
          $ logkit range
          [10, 40) 30 records
        """;

    public static Command Create(Surroundings surroundings, ServerOptions server)
    {
        var command = new ExampleCommand("range", "Shows which offsets can be read, and how many records they are.", Examples);
        server.AddTo(command);
        command.SetAction((parsed, stopping) => RunAsync(token => server.ConnectAsync(parsed, token), surroundings, stopping));
        return command;
    }

    private static async Task<int> RunAsync(
        Func<CancellationToken, Task<GrpcLog>> connect, Surroundings surroundings, CancellationToken stopping)
    {
        await using var log = await connect(stopping);
        var range = await log.GetRangeAsync(stopping);
        var output = new LineOutput(surroundings.Stdout);
        await output.WriteLineAsync($"{range} {range.Count} {(range.Count == 1 ? "record" : "records")}");
        await output.FlushAsync();
        return ExitCodes.Done;
    }
}
