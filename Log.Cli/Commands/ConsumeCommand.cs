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

    public static Command Create(Surroundings surroundings, Option<string> address)
    {
        var offset = NumberOption.Create("--offset", "The offset of the first record to read", ulong.MinValue, ulong.MaxValue);
        offset.Required = true;
        var command = new ExampleCommand("consume", "Reads the records from an offset to the end of the batch that holds it.", Examples)
        {
            offset, address,
        };
        command.SetAction((parsed, stopping) => RunAsync(parsed.GetValue(offset), parsed.GetValue(address)!, surroundings, stopping));
        return command;
    }

    private static async Task<int> RunAsync(ulong offset, string address, Surroundings surroundings, CancellationToken stopping)
    {
        await using var log = GrpcLog.Connect(address);
        var output = new RecordOutput(surroundings.Stdout);
        foreach (var record in await log.ReadBatchAsync(offset, stopping))
            await output.WriteAsync(record);
        await output.FlushAsync();
        return ExitCodes.Done;
    }
}
