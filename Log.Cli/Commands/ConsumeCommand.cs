using System.CommandLine;
using LogKit.Client;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit consume</c>: the records from one offset to the end of its batch.</summary>
internal static class ConsumeCommand
{
    private const string Examples =
        """
        Example: read the record at offset 42, and those that were appended together with it after it
          logkit consume --offset 42

        "logkit tail --offset 42 -n 1" reads that one record; "logkit tail --offset 42" goes on to the records that follow.
        """;

    public static Command Create(Surroundings surroundings, ServerOptions server)
    {
        var offset = NumberOption.Create("--offset", "The offset of the first record to read", ulong.MinValue, ulong.MaxValue);
        offset.Required = true;
        var command = new ExampleCommand("consume", "Reads the records from an offset to the end of the batch that holds it.", Examples)
        {
            offset,
        };
        server.AddTo(command);
        command.SetAction((parsed, stopping) => RunAsync(parsed.GetValue(offset), () => server.Connect(parsed), surroundings, stopping));
        return command;
    }

    private static async Task<int> RunAsync(ulong offset, Func<GrpcLog> connect, Surroundings surroundings, CancellationToken stopping)
    {
        await using var log = connect();
        var output = new RecordOutput(surroundings.Stdout);
        foreach (var record in await log.ReadBatchAsync(offset, stopping))
            await output.WriteAsync(record);
        await output.FlushAsync();
        return ExitCodes.Done;
    }
}
