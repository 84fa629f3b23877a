using System.CommandLine;
using LogKit.Client;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit produce</c>: appends values, or the lines of a file or of the standard input.</summary>
internal static class ProduceCommand
{
    private const int DefaultBatchRecords = 1000;
    private const int MostBatchRecords = 100_000;
    private const int DefaultBatchBytes = 256 * 1024;
    private const int MostBatchBytes = 1024 * 1024;

    /// <summary>How long an interrupted command waits for the answers to what it has sent.</summary>
    private static readonly TimeSpan AnswersTimeout = TimeSpan.FromSeconds(5);

    private const string Examples =
        """
        Examples:
          logkit produce "first" "second"           two records, appended together: both or none
          logkit produce --file words.txt           each line a record
          tail -f app.log | logkit produce          each line as it comes
          logkit produce -- --not-an-option         a value that begins with a dash

        A line ends with a newline, which is no part of the record; a carriage return before it is. Lines are appended in their
        order, in batches. If that fails in the middle, what the server has acknowledged is named on the standard error.
        """;

    public static Command Create(Surroundings surroundings, ServerOptions server)
    {
        var values = new Argument<string[]>("values")
        {
            Description = "The records: they are appended as one batch. Without any, lines are read from the file or the standard input",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var file = new Option<string>("--file", "-f") { Description = "Append the lines of this file", HelpName = "path" };
        var batchRecords = NumberOption.Create("--batch-records", "How many lines are appended together at most", 1, MostBatchRecords);
        var batchBytes = NumberOption.Create(
            "--batch-bytes", "How many bytes are appended together at most, unless a line is larger", 1, MostBatchBytes);
        batchRecords.DefaultValueFactory = _ => DefaultBatchRecords;
        batchBytes.DefaultValueFactory = _ => DefaultBatchBytes;

        var command = new ExampleCommand("produce", "Appends records to the log.", Examples)
        {
            values, file, batchRecords, batchBytes,
        };
        server.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(values) is not { Tokens.Count: > 0 })
                return;
            foreach (Option option in new Option[] { file, batchRecords, batchBytes })
            {
                if (result.GetResult(option) is { Implicit: false })
                    result.AddError($"{option.Name} and values exclude each other");
            }
        });
        command.SetAction((parsed, stopping) =>
        {
            var limits = new BatchLimits(parsed.GetValue(batchRecords), parsed.GetValue(batchBytes));
            return RunAsync(Open, () => server.Connect(parsed), surroundings, stopping);

            ProduceInput Open() =>
                parsed.GetValue(values) is { Length: > 0 } texts ? ProduceInput.OfValues(texts)
                : parsed.GetValue(file) is { } path ? ProduceInput.OfFile(path, limits)
                : ProduceInput.OfStdin(surroundings.Stdin, limits);
        });
        return command;
    }

    private static async Task<int> RunAsync(Func<ProduceInput> open, Func<GrpcLog> connect, Surroundings surroundings, CancellationToken stopping)
    {
        var produced = new Produced();
        await using var input = open();
        await using var log = connect();
        try
        {
            var terminal = input.SizeBytes is null && surroundings.IsStdinTyped ? null : surroundings.Terminal;
            await ProduceProgress.RunAsync(terminal, input.SizeBytes, show => AppendAsync(log, input, produced, show, stopping));
        }
        catch when (produced.Records > 0)
        {
            await surroundings.Stderr.WriteLineAsync($"acknowledged {produced.Acknowledged}");
            throw;
        }

        await surroundings.Stderr.WriteLineAsync($"produced {produced}");
        return ExitCodes.Done;
    }

    private static async Task AppendAsync(
        GrpcLog log, ProduceInput input, Produced produced, Action<Produced> show, CancellationToken stopping)
    {
        // An interrupt ends the reading, and then the call once all that was sent is answered.
        using var ending = new CancellationTokenSource();
        await using var limit = stopping.Register(() => ending.CancelAfter(AnswersTimeout));
        try
        {
            await foreach (var (firstOffset, batch) in log.AppendStreamAsync(input.ReadBatches(stopping), ending.Token))
            {
                produced.Add(firstOffset, batch);
                show(produced);
            }
        }
        catch (OperationCanceledException exception) when (ending.IsCancellationRequested)
        {
            throw new AppendOutcomeUnknownException(
                "the append's outcome is unknown: interrupted, and the server did not answer", exception);
        }
    }
}
