using System.CommandLine;
using LogKit.Cli.Arguments;
using LogKit.Cli.Errors;
using LogKit.Cli.Records;
using LogKit.Client;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit consume</c>: prints the records from an offset to the end of their batch.</summary>
internal static class ConsumeCommand
{
    private const string Examples =
        """
        Example: read the record at offset 42, and the records after it in the same batch
          logkit consume --offset 42

        "logkit tail --offset 42 -n 1" reads only that record; "logkit tail --offset 42" continues with the records that follow.
        """;

    public static Command Create(CliContext context, ServerOptions server)
    {
        var offset = NumberOption.Create("--offset", "The offset of the first record to read", ulong.MinValue, ulong.MaxValue);
        offset.Required = true;
        var command = new ExampleCommand("consume", "Reads the records from an offset to the end of the batch that holds it.", Examples)
        {
            offset,
        };
        var format = FormatOptions.ForOutput();
        format.AddTo(command);
        server.AddTo(command);
        command.SetAction(
            (parsed, stopping) =>
                RunAsync(parsed.GetValue(offset), format.Of(parsed), token => server.ConnectAsync(parsed, token), context, stopping));
        return command;
    }

    private static async Task<int> RunAsync(
        ulong offset,
        RecordFormat format,
        Func<CancellationToken, Task<GrpcLog>> connect,
        CliContext context,
        CancellationToken stopping)
    {
        await using var log = await connect(stopping);
        var output = new RecordWriter(context.Stdout, format);
        foreach (var record in await log.ReadBatchAsync(offset, stopping))
            await output.WriteAsync(offset++, record);
        await output.FlushAsync();
        return ExitCodes.Done;
    }
}
