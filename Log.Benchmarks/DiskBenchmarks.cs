using System.Diagnostics;
using System.Globalization;
using LogKit.Disk;

namespace LogKit.Benchmarks;

/// <summary>The disk log beside what the device itself can do.</summary>
internal sealed class DiskBenchmarks(BenchmarkSettings settings, Table table)
{
    private const int RecordBytes = 100;

    private static readonly RecordBatch One = BatchOf(1);
    private static readonly RecordBatch Hundred = BatchOf(100);
    private static readonly RecordBatch Megabyte = new(new Record(new byte[1_000_000]));

    private int _names;

    public static async Task<int> RunAsync(BenchmarkSettings settings)
    {
        Directory.CreateDirectory(settings.Directory);
        try
        {
            var table = new Table();
            var benchmarks = new DiskBenchmarks(settings, table);
            (string Name, Func<Task> Run)[] all =
            [
                ("append", benchmarks.AppendOneAsync),
                ("producers", benchmarks.AppendManyAsync),
                ("never", benchmarks.AppendNeverAsync),
                ("megabyte", benchmarks.AppendMegabytesAsync),
                ("allocation", benchmarks.AllocationAsync),
                ("tail", benchmarks.TailAsync),
                ("read", benchmarks.ReadAsync),
                ("open", benchmarks.OpenAsync),
            ];
            foreach (var (name, run) in all)
            {
                if (name.Contains(settings.Only, StringComparison.Ordinal))
                    await run();
            }

            table.Print();
            return 0;
        }
        finally
        {
            Directory.Delete(settings.Directory, recursive: true);
        }
    }

    private async Task AppendOneAsync()
    {
        await using var log = Open();
        using var bare = new BareFile(NewPath(), FrameBytes(One));
        var result = await Rounds.CompareAsync(() => AppendsPerSecondAsync(log, One, producers: 1), () => bare.DurableWritesPerSecondAsync(settings.Seconds));
        table.Add(
            "durable append, 1 producer, one record a batch", $"{result.First:N0}/s", $"bare pwrite + fdatasync of the same bytes: {result.Second:N0}/s",
            result.Ratio, 0.85, spread: result.Spread);
    }

    private async Task AppendManyAsync()
    {
        await using var log = Open();
        foreach (var (producers, bound) in ((int, double)[])[(64, 20), (1024, 100)])
        {
            var result = await Rounds.CompareAsync(() => AppendsPerSecondAsync(log, One, producers), () => AppendsPerSecondAsync(log, One, producers: 1));
            table.Add(
                $"durable append, {producers} producers", $"{result.First:N0}/s", $"the same log with 1 producer: {result.Second:N0}/s",
                result.Ratio, bound, spread: result.Spread);
        }
    }

    private async Task AppendNeverAsync()
    {
        await using var log = Open(new DiskLogOptions { FlushMode = FlushMode.Never });
        using var bare = new BareFile(NewPath(), FrameBytes(Hundred));
        var result = await Rounds.CompareAsync(
            async () =>
            {
                var rate = await InFlightAppendsPerSecondAsync(log, Hundred, 64);
                await log.TruncateBeforeAsync((await log.GetRangeAsync()).NextOffset); // as the other side: see BareFile
                return rate;
            },
            () => bare.GrowingWritesPerSecondAsync(settings.Seconds, flush: false));
        table.Add(
            "FlushMode.Never, batches of 100, 1 producer, 64 in flight", $"{result.First * FrameBytes(Hundred) / 1e6:N0} MB/s",
            $"bare pwrite of the same: {result.Second * FrameBytes(Hundred) / 1e6:N0} MB/s", result.Ratio, 0.6, spread: result.Spread);
    }

    private async Task AppendMegabytesAsync()
    {
        await using var log = Open();
        using var bare = new BareFile(NewPath(), FrameBytes(Megabyte));
        var result = await Rounds.CompareAsync(
            () => AppendsPerSecondAsync(log, Megabyte, producers: 1), () => bare.GrowingWritesPerSecondAsync(settings.Seconds, flush: true));
        table.Add(
            "durable append, 1 MB batches", $"{result.First:N0} MB/s", $"bare pwrite + fdatasync of the same: {result.Second:N0} MB/s",
            result.Ratio, 0.8, spread: result.Spread);
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
            table.Add($"allocation a durable append, {producers} producers", $"{bytes:N0} bytes", "-", bytes, 256, isAtMost: true);
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
                fromStart ? "durable append, 1 producer, beside a scan of old data" : "durable append, 1 producer, beside a tail",
                $"{result.First:N0}/s", $"alone: {result.Second:N0}/s", result.Ratio, 0.9, spread: result.Spread);
        }
    }

    private async Task ReadAsync()
    {
        foreach (var (batch, name) in ((RecordBatch, string)[])[(One, "one record a batch"), (Hundred, "batches of 100")])
        {
            var path = NewPath();
            await using var log = DiskLog.Open(path, new DiskLogOptions { FlushMode = FlushMode.Never });
            await FillAsync(log, batch, 512L * 1024 * 1024);
            using var bare = new BareReads(path);
            var sequential = await Rounds.CompareAsync(() => ScanMegabytesPerSecondAsync(log), () => bare.SequentialMegabytesPerSecondAsync());
            table.Add(
                $"sequential read, {name}, checksums on", $"{sequential.First:N0} MB/s", $"bare pread in 64 KiB pieces: {sequential.Second:N0} MB/s",
                sequential.Ratio, 0.5, spread: sequential.Spread);
            var random = await Rounds.CompareAsync(
                () => RandomReadsPerSecondAsync(log), () => bare.RandomReadsPerSecondAsync(FrameBytes(batch), settings.Seconds));
            table.Add(
                $"random read, {name}", $"{random.First:N0}/s", $"bare pread of as many bytes: {random.Second:N0}/s",
                random.Ratio, 0.4, spread: random.Spread);
        }
    }

    private async Task OpenAsync()
    {
        var small = await FilledLogAsync(100_000_000);
        var largeBytes = (long)(settings.LargeGiB * 1024 * 1024 * 1024);
        var large = await FilledLogAsync(largeBytes);
        var result = await Rounds.CompareAsync(() => OpenMsAsync(large), () => OpenMsAsync(small));
        table.Add(
            $"opening a log of {settings.LargeGiB} GiB after a crash", $"{result.First:0.0} ms", $"one of 100 MB: {result.Second:0.0} ms",
            result.Ratio, 1.5, isAtMost: true, spread: result.Spread);

        var before = GC.GetTotalMemory(forceFullCollection: true);
        await using var log = DiskLog.Open(large);
        await RandomReadsPerSecondAsync(log);
        var bytes = (double)(GC.GetTotalMemory(forceFullCollection: true) - before);
        table.Add(
            "memory of an idle open log, after reads all over it", $"{bytes / 1e6:0.00} MB", $"its size on disk: {largeBytes / 1e6:N0} MB",
            bytes / largeBytes, 1.0 / 2000, isAtMost: true);
    }

    private async Task<string> FilledLogAsync(long bytes)
    {
        var path = NewPath();
        await using var log = DiskLog.Open(path, new DiskLogOptions { FlushMode = FlushMode.Never });
        await FillAsync(log, Hundred, bytes);
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

    /// <summary>Takes the close back: a process that is killed does not come to it.</summary>
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
            // The measurement is over.
        }
    }

    private static async Task FillAsync(DiskLog log, RecordBatch batch, long bytes)
    {
        var window = new Queue<ValueTask<ulong>>();
        for (var written = 0L; written < bytes; written += FrameBytes(batch))
        {
            if (window.Count == 256)
                await window.Dequeue();
            window.Enqueue(log.AppendBatchAsync(batch));
        }

        while (window.TryDequeue(out var append))
            await append;
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

    private DiskLog Open(DiskLogOptions? options = null) => DiskLog.Open(NewPath(), options);

    private string NewPath() => Path.Combine(settings.Directory, (_names++).ToString(CultureInfo.InvariantCulture));

    private static int FrameBytes(RecordBatch batch) => 32 + batch.SizeBytes;

    private static RecordBatch BatchOf(int count) => new([.. Enumerable.Range(0, count).Select(_ => new Record(new byte[RecordBytes]))]);
}
