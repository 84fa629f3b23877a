using System.CommandLine;
using System.Globalization;
using System.Text;
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
        command.SetAction((parsed, stopping) => RunAsync(() => server.Connect(parsed), surroundings, stopping));
        return command;
    }

    private static async Task<int> RunAsync(Func<GrpcLog> connect, Surroundings surroundings, CancellationToken stopping)
    {
        await using var log = connect();
        var range = await log.GetRangeAsync(stopping);
        var output = new RecordOutput(surroundings.Stdout);
        var line = string.Create(CultureInfo.InvariantCulture, $"{range} {range.Count} {(range.Count == 1 ? "record" : "records")}");
        await output.WriteAsync(new Record(Encoding.UTF8.GetBytes(line)));
        await output.FlushAsync();
        return ExitCodes.Done;
    }
}
