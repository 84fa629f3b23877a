using System.Globalization;
using LogKit.Benchmarks.Disk;
using LogKit.Benchmarks.Results;

namespace LogKit.Benchmarks.Service;

/// <summary>
/// How the performance of the service depends on the number of streams, the sizes of batches and records, and the size of the log.
/// </summary>
internal sealed class ScaleBenchmarks(BenchmarkSettings settings, Table table)
{
    private const int RecordBytes = 100;
    private const string NoOp = "no-op gRPC service";

    private readonly Comparison _comparison = new(table);

    public Task RunAsync() =>
        settings.RunAsync(("streams", StreamsAsync), ("batches", BatchesAsync), ("records", RecordsAsync), ("log", LogSizesAsync));

    private async Task StreamsAsync()
    {
        foreach (var streams in (int[])[1, 10, 100, 1_000])
        {
            await ProduceAsync(
                $"{Text(streams)} ProduceStream{(streams == 1 ? "" : "s")}, one record a message", streams, Loads.BatchOf(1, RecordBytes));
            await ConsumeAsync(
                $"{Text(streams)} ConsumeStream{(streams == 1 ? "" : "s")}, batches of 100",
                streams,
                Loads.BatchOf(100, RecordBytes),
                Math.Max(100, 20_000 / streams));
        }
    }

    private async Task BatchesAsync()
    {
        foreach (var records in (int[])[1, 10, 100, 1_000])
        {
            await ProduceAsync($"ProduceStream, batches of {Text(records)}", 1, Loads.BatchOf(records, RecordBytes));
            await ConsumeAsync(
                $"ConsumeStream, batches of {Text(records)}",
                1,
                Loads.BatchOf(records, RecordBytes),
                Math.Min(200_000, 2_000_000 / records));
        }
    }

    private async Task RecordsAsync()
    {
        foreach (var bytes in (int[])[10, 100, 1_000, 10_000, 100_000, 1_000_000])
        {
            await ProduceAsync($"ProduceStream, records of {Text(bytes)} bytes", 1, Loads.BatchOf(1, bytes));
            await ConsumeAsync(
                $"ConsumeStream, records of {Text(bytes)} bytes", 1, Loads.BatchOf(1, bytes), Math.Min(200_000, 400_000_000 / bytes));
        }
    }

    /// <summary>Compares large logs with a log of 1/16 GiB.</summary>
    private async Task LogSizesAsync()
    {
        const double SmallGiB = 1.0 / 16;
        var batch = Loads.BatchOf(100, RecordBytes);
        foreach (var size in (double[])[1, settings.LargeGiB])
        {
            var (small, large) = (settings.NewPath(), settings.NewPath());
            await Filling.FillAsync(small, batch, Count(SmallGiB));
            await Filling.FillAsync(large, batch, Count(size));
            using var largeServer = await ServerProcess.StartOnAsync(large);
            using var smallServer = await ServerProcess.StartOnAsync(small);
            var peer = $"a log of {SmallGiB.ToString(CultureInfo.InvariantCulture)} GiB";
            await _comparison.RunAsync(
                $"64 callers of Consume anywhere in a log of {size} GiB",
                peer,
                null,
                largeServer,
                smallServer,
                log => Loads.ReadAnywhereAsync(log, 64, settings.Seconds));
            await _comparison.RunAsync(
                $"ProduceStream, batches of 100, at the end of a log of {size} GiB",
                peer,
                null,
                largeServer,
                smallServer,
                log => Loads.StreamAsync(log, 1, batch, settings.Seconds));
            Directory.Delete(large, recursive: true);
        }

        long Count(double giB) => (long)(giB * 1024 * 1024 * 1024 / batch.SizeBytes);
    }

    private async Task ProduceAsync(string what, int streams, RecordBatch batch)
    {
        using var logKit = await ServerProcess.StartOnAsync(settings.NewPath());
        using var noOp = await ServerProcess.StartPeerAsync("noop", 1, RecordBytes, 0);
        await _comparison.RunAsync($"{what}, durable", NoOp, null, logKit, noOp, log =>
            Loads.StreamAsync(log, streams, batch, settings.Seconds));
    }

    private async Task ConsumeAsync(string what, int streams, RecordBatch batch, int count)
    {
        var directory = settings.NewPath();
        await Filling.FillAsync(directory, batch, count);
        using var logKit = await ServerProcess.StartOnAsync(directory);
        using var noOp = await ServerProcess.StartPeerAsync("noop", batch.Count, batch[0].Value.Length, count);
        await _comparison.RunAsync(what, NoOp, null, logKit, noOp, log => Loads.ConsumeAsync(log, streams));
    }

    private static string Text(int number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
