using System.CommandLine;
using LogKit.Cli.Arguments;
using LogKit.Cli.Errors;
using LogKit.Cli.Records;
using LogKit.Client;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit tail</c>: prints records, and at the end of the log waits for more.</summary>
internal static class TailCommand
{
    private const string Examples =
        """
        Examples:
          logkit tail                               new records, until Ctrl-C
          logkit tail --from-start --stop-at-end    all records of the log
          logkit tail --offset 42 -n 10             ten records, from offset 42
          logkit tail --from-start --format json    each record with its offset, whatever bytes it contains
        """;

    /// <summary>Where to start, and when to end.</summary>
    /// <param name="Offset">The first offset; null for the end of the log.</param>
    /// <param name="FromStart">Whether to begin at the start of the log.</param>
    /// <param name="Count">The number of records; null for no limit.</param>
    /// <param name="StopAtEnd">Whether to end at the end of the log as of the call.</param>
    /// <param name="Reconnects">Whether to continue when the connection is lost.</param>
    /// <param name="Format">The format of records.</param>
    private sealed record Request(ulong? Offset, bool FromStart, ulong? Count, bool StopAtEnd, bool Reconnects, RecordFormat Format);

    public static Command Create(CliContext context, ServerOptions server)
    {
        var offset = NumberOption.Create("--offset", "The offset of the first record to read", ulong.MinValue, ulong.MaxValue);
        var fromStart = new Option<bool>("--from-start") { Description = "Start at the first record of the log" };
        var count = NumberOption.Create("--count", "Stop after this many records", 1ul, ulong.MaxValue, "-n");
        var stopAtEnd = new Option<bool>("--stop-at-end")
        {
            Description = "Stop at the end of the log as of the start of the command",
        };
        var noReconnect = new Option<bool>("--no-reconnect")
        {
            Description = "Stop when the connection is lost, instead of reconnecting and continuing at the next offset",
        };
        var command = new ExampleCommand(
            "tail", "Reads from an offset, the start or the end of the log (the default), and follows what is appended.", Examples)
        {
            offset, fromStart, count, stopAtEnd, noReconnect,
        };
        var format = FormatOptions.ForOutput();
        format.AddTo(command);
        server.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(offset) is not null && result.GetResult(fromStart) is { Implicit: false })
                result.AddError("--offset and --from-start cannot be combined");
        });
        command.SetAction((parsed, stopping) =>
        {
            var request = new Request(
                parsed.GetResult(offset) is null ? null : parsed.GetValue(offset), parsed.GetValue(fromStart),
                parsed.GetResult(count) is null ? null : parsed.GetValue(count), parsed.GetValue(stopAtEnd),
                !parsed.GetValue(noReconnect), format.Of(parsed));
            return RunAsync(request, token => server.ConnectAsync(parsed, token), context, stopping);
        });
        return command;
    }

    /// <summary>The position of a tail; null before it has begun.</summary>
    private sealed class Position
    {
        public ulong? NextOffset { get; set; }
    }

    private static async Task<int> RunAsync(
        Request request, Func<CancellationToken, Task<GrpcLog>> connect, CliContext context, CancellationToken stopping)
    {
        var output = new RecordWriter(context.Stdout, request.Format);
        var position = new Position();
        try
        {
            await using var log = await connect(stopping);
            await TailAsync(log, request, output, position, context.Stderr, stopping);
        }
        catch (LogException) when (position.NextOffset is { } next)
        {
            await output.FlushAsync();
            await context.Stderr.WriteLineAsync(FormattableString.Invariant($"the next offset is {next}: continue with --offset {next}"));
            throw;
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The user ended it.
        }

        await output.FlushAsync();
        return ExitCodes.Done;
    }

    private static async Task TailAsync(
        GrpcLog log, Request request, RecordWriter output, Position position, TextWriter stderr, CancellationToken stopping)
    {
        var offset = request.Offset ?? await EdgeAsync(log, request.FromStart, stopping);
        var left = request.Count ?? ulong.MaxValue;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var isLost = false;
        var reading = request is { Reconnects: true, StopAtEnd: false }
            ? log.TailAsync(offset, Interrupted, ending.Token)
            : log.ReadFromAsync(offset, request.StopAtEnd, ending.Token);
        await using var batches = reading.GetAsyncEnumerator(ending.Token);
        while (await MoveNextAsync(batches, output, ending))
        {
            isLost = false;
            foreach (var record in batches.Current.Batch)
            {
                await output.WriteAsync(offset, record);
                position.NextOffset = ++offset;
                if (--left == 0)
                    return;
            }
        }

        void Interrupted(LogUnavailableException exception)
        {
            if (!isLost)
                stderr.WriteLine(
                    FormattableString.Invariant(
                        $"interrupted at offset {offset}, reconnecting: {exception.Message.ReplaceLineEndings(" ")}"));
            isLost = true;
        }
    }

    private static async Task<ulong> EdgeAsync(GrpcLog log, bool isStart, CancellationToken stopping)
    {
        var range = await log.GetRangeAsync(stopping);
        return isStart ? range.StartOffset : range.NextOffset;
    }

    /// <summary>Moves to the next item. If that takes time, first flushes what was written.</summary>
    private static async ValueTask<bool> MoveNextAsync<T>(IAsyncEnumerator<T> items, RecordWriter output, CancellationTokenSource ending)
    {
        var moving = items.MoveNextAsync();
        if (moving.IsCompletedSuccessfully)
            return await moving;

        var pending = moving.AsTask();
        try
        {
            await output.FlushAsync();
        }
        catch
        {
            // An enumerator must not be disposed while it moves.
            await ending.CancelAsync();
            await ((Task)pending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        return await pending;
    }
}
