using System.Collections.Concurrent;
using System.CommandLine;
using LogKit.Cli.Arguments;
using LogKit.Cli.Errors;
using LogKit.Cli.Records;
using LogKit.Cli.Streams;
using LogKit.Client;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit produce</c>: appends values, or the records of a file or of standard input.</summary>
internal static class ProduceCommand
{
    private const int DefaultBatchRecords = 1000;
    private const int MaxBatchRecords = 100_000;
    private const int DefaultBatchBytes = 256 * 1024;
    private const int MaxBatchBytes = 1024 * 1024;

    /// <summary>How long an interrupted command waits for outstanding answers.</summary>
    private static readonly TimeSpan AnswersTimeout = TimeSpan.FromSeconds(5);

    private const string Examples =
        """
        Examples:
          logkit produce "first" "second"           two records, appended atomically
          logkit produce --file words.txt           each line is a record
          tail -f app.log | logkit produce          each line as it arrives
          find . -print0 | logkit produce -0        each name is a record, whatever characters it contains
          logkit produce --whole --file photo.jpg   the file is one record
          logkit produce -- --not-an-option         a value that begins with a dash

        A line ends with a newline, which is not part of the record; a carriage return before it is. Records are appended in order, in
        batches. If an append fails, standard error says which records the server has acknowledged.
        """;

    public static Command Create(CliContext context, ServerOptions server)
    {
        var values = new Argument<string[]>("values")
        {
            Description =
                "The records: they are appended as one batch. Without any, records are read from the file or the standard input, one per "
                    + "line",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var file = new Option<string>("--file", "-f") { Description = "Append the records of this file", HelpName = "path" };
        var batchRecords = NumberOption.Create("--batch-records", "Append at most this many records together", 1, MaxBatchRecords);
        var batchBytes = NumberOption.Create(
            "--batch-bytes", "Append at most this many bytes together, unless a single record is larger", 1, MaxBatchBytes);
        batchRecords.DefaultValueFactory = _ => DefaultBatchRecords;
        batchBytes.DefaultValueFactory = _ => DefaultBatchBytes;

        var command = new ExampleCommand("produce", "Appends records to the log.", Examples)
        {
            values, file, batchRecords, batchBytes,
        };
        var format = FormatOptions.ForInput();
        format.AddTo(command);
        server.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(values) is not { Tokens.Count: > 0 })
                return;
            foreach (var option in format.Options.Concat([file, batchRecords, batchBytes]))
            {
                if (result.GetResult(option) is { Implicit: false })
                    result.AddError($"{option.Name} and values cannot be combined");
            }
        });
        command.SetAction((parsed, stopping) =>
        {
            var limits = new BatchLimits(parsed.GetValue(batchRecords), parsed.GetValue(batchBytes));
            return RunAsync(Open, token => server.ConnectAsync(parsed, token), context, stopping);

            ProduceInput Open() =>
                parsed.GetValue(values) is { Length: > 0 } texts ? ProduceInput.OfValues(texts)
                : parsed.GetValue(file) is { } path ? ProduceInput.OfFile(path, format.Of(parsed), limits)
                : ProduceInput.OfStdin(context.Stdin, format.Of(parsed), limits);
        });
        return command;
    }

    private static async Task<int> RunAsync(
        Func<ProduceInput> open, Func<CancellationToken, Task<GrpcLog>> connect, CliContext context, CancellationToken stopping)
    {
        var produced = new ProduceSummary();
        await using var input = await BlockingCalls.RunAsync(open, stopping);
        await using var log = await connect(stopping);
        try
        {
            var terminal = input.SizeBytes is null && context.IsStdinTyped ? null : context.Terminal;
            await ProduceProgress.RunAsync(terminal, input.SizeBytes, show => AppendAsync(log, input, produced, show, stopping));
        }
        catch when (produced.Records > 0)
        {
            var place = input.PlaceOf(1, produced.Records) is { } records ? $": {records}" : "";
            await context.Stderr.WriteLineAsync($"acknowledged {produced.Acknowledged}{place}");
            throw;
        }

        await context.Stderr.WriteLineAsync($"produced {produced}");
        return ExitCodes.Done;
    }

    private static async Task AppendAsync(
        GrpcLog log, ProduceInput input, ProduceSummary produced, Action<ProduceSummary> show, CancellationToken stopping)
    {
        // An interrupt ends the reading, and then the call once everything that was sent is answered.
        using var ending = new CancellationTokenSource();
        var unanswered = new ConcurrentQueue<RecordBatch>();
        await using var limit = stopping.Register(() => ending.CancelAfter(AnswersTimeout));
        try
        {
            await foreach (
                var (firstOffset, batch) in log.AppendStreamAsync(Remembered(input.ReadBatches(stopping), unanswered), ending.Token))
            {
                unanswered.TryDequeue(out _);
                produced.Add(firstOffset, batch);
                show(produced);
            }
        }
        catch (OperationCanceledException exception) when (ending.IsCancellationRequested)
        {
            throw new AppendOutcomeUnknownException(
                "the append's outcome is unknown: interrupted, and the server did not answer", exception);
        }
        catch (RecordException exception)
        {
            throw new CommandException(exception.Message + input.Advice("fix it", produced.Records), exception);
        }
        catch (BatchTooLargeException exception)
            when (unanswered.TryPeek(out var refused) && TooLarge(input, produced.Records, refused, exception) is { } message)
        {
            throw new CommandException(message, exception);
        }
    }

    private static async IAsyncEnumerable<RecordBatch> Remembered(
        IAsyncEnumerable<RecordBatch> batches, ConcurrentQueue<RecordBatch> unanswered)
    {
        await foreach (var batch in batches)
        {
            unanswered.Enqueue(batch);
            yield return batch;
        }
    }

    /// <summary>The message for a batch that the server refused because of its size; null for values.</summary>
    private static string? TooLarge(ProduceInput input, ulong stored, RecordBatch batch, BatchTooLargeException exception)
    {
        if (input.PlaceOf(stored + 1, stored + (ulong)batch.Count) is not { } place)
            return null;
        var isSingle = batch.Count == 1;
        var size = isSingle ? $"has {batch[0].Value.Length} bytes" : $"make a batch of {exception.SizeBytes} bytes";
        var remedy = isSingle ? "shorten or remove it" : $"give --batch-bytes {exception.LimitBytes} or less";
        return $"{place} {size}, which is more than the server's limit of {exception.LimitBytes}{input.Advice(remedy, stored)}";
    }
}
