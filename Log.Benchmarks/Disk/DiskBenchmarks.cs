using System.Diagnostics;
using LogKit.Benchmarks.Results;
using LogKit.Disk;
using static LogKit.Benchmarks.Results.Row;

namespace LogKit.Benchmarks.Disk;

/// <summary>The disk log, compared with what the device can do.</summary>
internal sealed class DiskBenchmarks(BenchmarkSettings settings, Table table)
{
    private const int RecordBytes = 100;

    private static readonly RecordBatch One = BatchOf(1);
    private static readonly RecordBatch Hundred = BatchOf(100);
    private static readonly RecordBatch Megabyte = new(new Record(new byte[1_000_000]));

    public Task RunAsync() => settings.RunAsync(
        ("append", AppendOneAsync),
        ("producers", AppendManyAsync),
        ("never", AppendNeverAsync),
        ("megabyte", AppendMegabytesAsync),
        ("allocation", AllocationAsync),
        ("tail", TailAsync),
        ("read", ReadAsync),
        ("open", OpenAsync));

    private async Task AppendOneAsync()
    {
        await using var log = Open();
        using var bare = new BareFile(settings.NewPath(), FrameBytes(One));
        var result = await Rounds.CompareAsync(
            () => AppendsPerSecondAsync(log, One, producers: 1), () => bare.DurableWritesPerSecondAsync(settings.Seconds));
        table.Add(
            result.ToRow(
                "durable append, 1 producer, one record a batch", "bare pwrite + fdatasync of the same bytes", "/s", Bound.AtLeast(0.85)));
    }

    private async Task AppendManyAsync()
    {
        await using var log = Open();
        foreach (var (producers, bound) in ((int, double)[])[(64, 20), (1024, 100)])
        {
            var result = await Rounds.CompareAsync(
                () => AppendsPerSecondAsync(log, One, producers), () => AppendsPerSecondAsync(log, One, producers: 1));
            table.Add(
                result.ToRow($"durable append, {producers:N0} producers", "the same log with 1 producer", "/s", Bound.AtLeast(bound)));
        }
    }

    private async Task AppendNeverAsync()
    {
        await using var log = Open(new DiskLogOptions { FlushMode = FlushMode.Never });
        using var bare = new BareFile(settings.NewPath(), FrameBytes(Hundred));
        var result = await Rounds.CompareAsync(
            async () =>
            {
                var rate = await InFlightAppendsPerSecondAsync(log, Hundred, 64);
                await log.TruncateBeforeAsync((await log.GetRangeAsync()).NextOffset); // drops unflushed data, like BareFile
                return rate;
            },
            () => bare.GrowingWritesPerSecondAsync(settings.Seconds, flush: false));
        table.Add(
            result.ToRow(
                "FlushMode.Never, batches of 100, 1 producer, 64 in flight",
                "bare pwrite of the same",
                " MB/s",
                Bound.AtLeast(0.6),
                FrameBytes(Hundred) / 1e6));
    }

    private async Task AppendMegabytesAsync()
    {
        await using var log = Open();
        using var bare = new BareFile(settings.NewPath(), FrameBytes(Megabyte));
        var result = await Rounds.CompareAsync(
            () => AppendsPerSecondAsync(log, Megabyte, producers: 1),
            () => bare.GrowingWritesPerSecondAsync(settings.Seconds, flush: true));
        table.Add(result.ToRow("durable append, 1 MB batches", "bare pwrite + fdatasync of the same", " MB/s", Bound.AtLeast(0.8)));
    }

    private async Task AllocationAsync()
    {
        foreach (var producers in (int[])[1, 64])
        {
            await using var log = Open();
            await AppendsPerSecondAsync(log, One, producers);
            var before = GC.GetTotalAllocatedBytes(precise: true);
            var started = (await log.GetRangeAsync()).NextOffset;
            await AppendsPerSecondAsync(log, One, producers);
            var bytes = (double)(GC.GetTotalAllocatedBytes(precise: true) - before) / ((await log.GetRangeAsync()).NextOffset - started);
            table.Add(
                new Row(
                    $"allocation a durable append, {producers} producer{(producers == 1 ? "" : "s")}",
                    new Figure(bytes, " bytes"),
                    "nothing",
                    default,
                    bytes)
                {
                    Target = Bound.AtMost(256),
                    Unit = " bytes",
                });
        }
    }

    private async Task TailAsync()
    {
        foreach (var fromStart in (bool[])[false, true])
        {
            await using var log = Open();
            for (var i = 0; i < 20_000; i++)
                await log.AppendBatchAsync(Hundred);
            var result = await Rounds.CompareAsync(
                async () =>
                {
                    using var stop = new CancellationTokenSource();
                    var reading = ReadUntilAsync(log, fromStart, stop.Token);
                    var rate = await AppendsPerSecondAsync(log, One, producers: 1);
                    await stop.CancelAsync();
                    await reading;
                    return rate;
                },
                () => AppendsPerSecondAsync(log, One, producers: 1));
            table.Add(
                result.ToRow(
                    $"durable append, 1 producer, beside a {(fromStart ? "scan of old data" : "tail")}",
                    "alone",
                    "/s",
                    Bound.AtLeast(0.9)));
        }
    }

    private async Task ReadAsync()
    {
        foreach (var (batch, name) in ((RecordBatch, string)[])[(One, "one record a batch"), (Hundred, "batches of 100")])
        {
            var path = settings.NewPath();
            await using var log = DiskLog.Open(path, new DiskLogOptions { FlushMode = FlushMode.Never });
            await Filling.FillAsync(log, batch, 512L * 1024 * 1024 / FrameBytes(batch));
            using var bare = new BareReads(path);
            var sequential = await Rounds.CompareAsync(
                () => ScanMegabytesPerSecondAsync(log), () => bare.SequentialMegabytesPerSecondAsync());
            table.Add(
                sequential.ToRow($"sequential read, {name}, checksums on", "bare pread in 64 KiB pieces", " MB/s", Bound.AtLeast(0.5)));
            var random = await Rounds.CompareAsync(
                () => RandomReadsPerSecondAsync(log), () => bare.RandomReadsPerSecondAsync(FrameBytes(batch), settings.Seconds));
            table.Add(random.ToRow($"random read, {name}", "bare pread of as many bytes", "/s", Bound.AtLeast(0.4)));
        }
    }

    private async Task OpenAsync()
    {
        var small = await FilledLogAsync(100_000_000);
        var largeBytes = (long)(settings.LargeGiB * 1024 * 1024 * 1024);
        var large = await FilledLogAsync(largeBytes);
        var result = await Rounds.CompareAsync(() => OpenMsAsync(large), () => OpenMsAsync(small));
        table.Add(result.ToRow($"opening a log of {settings.LargeGiB} GiB after a crash", "one of 100 MB", " ms", Bound.AtMost(1.5)));

        var before = GC.GetTotalMemory(forceFullCollection: true);
        await using var log = DiskLog.Open(large);
        await RandomReadsPerSecondAsync(log);
        var bytes = (double)(GC.GetTotalMemory(forceFullCollection: true) - before);
        var row = new Row(
            "memory of an idle open log, after reads all over it",
            new Figure(bytes / 1e6, " MB"),
            "its size on disk",
            new Figure(largeBytes / 1e6, " MB"),
            bytes / largeBytes);
        table.Add(row with { Target = Bound.AtMost(1.0 / 2000) });
    }

    private async Task<string> FilledLogAsync(long bytes)
    {
        var path = settings.NewPath();
        await Filling.FillAsync(path, Hundred, bytes / FrameBytes(Hundred));
        return path;
    }

    private static async Task<double> OpenMsAsync(string path)
    {
        Unseal(path);
        var started = Stopwatch.GetTimestamp();
        var log = DiskLog.Open(path);
        var elapsed = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        await log.DisposeAsync();
        return elapsed;
    }

    /// <summary>Removes the seal, as if the process had been killed before the close.</summary>
    private static void Unseal(string path)
    {
        const int SealPosition = 512, SealBytes = 32; // see FORMAT.md
        using var file = File.OpenHandle(Directory.GetFiles(path, "*.log").Max(StringComparer.Ordinal)!, FileMode.Open, FileAccess.Write);
        RandomAccess.Write(file, new byte[SealBytes], SealPosition);
    }

    private async Task<double> AppendsPerSecondAsync(DiskLog log, RecordBatch batch, int producers)
    {
        var started = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, producers).Select(_ => Task.Run(async () =>
        {
            var count = 0L;
            for (; Stopwatch.GetElapsedTime(started).TotalSeconds < settings.Seconds; count++)
                await log.AppendBatchAsync(batch);
            return count;
        })));
        return counts.Sum() / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private async Task<double> InFlightAppendsPerSecondAsync(DiskLog log, RecordBatch batch, int inFlight)
    {
        var started = Stopwatch.GetTimestamp();
        var window = new Queue<ValueTask<ulong>>(inFlight);
        var count = 0L;
        for (; Stopwatch.GetElapsedTime(started).TotalSeconds < settings.Seconds; count++)
        {
            if (window.Count == inFlight)
                await window.Dequeue();
            window.Enqueue(log.AppendBatchAsync(batch));
        }

        while (window.TryDequeue(out var append))
            await append;
        return count / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task ReadUntilAsync(DiskLog log, bool fromStart, CancellationToken stop)
    {
        await Task.Yield();
        var range = await log.GetRangeAsync(CancellationToken.None);
        var offset = fromStart ? range.StartOffset : range.NextOffset;
        try
        {
            while (!stop.IsCancellationRequested)
            {
                if (fromStart && offset >= range.NextOffset)
                    offset = range.StartOffset;
                await log.WaitForAppendAsync(offset, stop);
                offset += (ulong)(await log.ReadBatchAsync(offset, stop)).Count;
            }
        }
        catch (OperationCanceledException)
        {
            // The measurement has ended.
        }
    }

    private static async Task<double> ScanMegabytesPerSecondAsync(DiskLog log)
    {
        var started = Stopwatch.GetTimestamp();
        var range = await log.GetRangeAsync();
        var bytes = 0L;
        for (var offset = range.StartOffset; offset < range.NextOffset;)
        {
            var batch = await log.ReadBatchAsync(offset);
            offset += (ulong)batch.Count;
            bytes += FrameBytes(batch);
        }

        return bytes / 1e6 / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private async Task<double> RandomReadsPerSecondAsync(DiskLog log)
    {
        var random = new Random(1);
        var next = (await log.GetRangeAsync()).NextOffset;
        var count = 0L;
        var started = Stopwatch.GetTimestamp();
        for (; Stopwatch.GetElapsedTime(started).TotalSeconds < settings.Seconds; count++)
            await log.ReadBatchAsync((ulong)random.NextInt64((long)next));
        return count / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private DiskLog Open(DiskLogOptions? options = null) => DiskLog.Open(settings.NewPath(), options);

    private static int FrameBytes(RecordBatch batch) => 32 + batch.SizeBytes;

    private static RecordBatch BatchOf(int count) => new([.. Enumerable.Range(0, count).Select(_ => new Record(new byte[RecordBytes]))]);
}
