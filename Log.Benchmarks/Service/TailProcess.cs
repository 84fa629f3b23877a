using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using HdrHistogram;
using LogKit.Client;

namespace LogKit.Benchmarks.Service;

/// <summary>
/// Tails in a separate process. Each record begins with the time at which its producer sent it, from the clock that all processes share.
/// The first tail reports the delays whenever a record requests it.
/// </summary>
internal sealed class TailProcess : IDisposable
{
    private const string Waiting = "waiting";

    private readonly ChildProcess _process;

    private TailProcess(ChildProcess process) => _process = process;

    /// <summary>The delays from sending to receiving, in microseconds.</summary>
    internal readonly record struct Delays(double Median, double P99)
    {
        public static Delays Of(HistogramBase ticks) => new(ticks.GetValueAtPercentile(50) / 1e3, ticks.GetValueAtPercentile(99) / 1e3);
    }

    /// <summary>Starts tails at the end of a log. Completes once they are waiting.</summary>
    public static async Task<TailProcess> StartAsync(string address, int tails)
    {
        var process = ChildProcess.StartAssembly("LogKit.Benchmarks.dll", "tail", address, tails.ToString(CultureInfo.InvariantCulture));
        await process.ReadLineAsync(Waiting);
        return new TailProcess(process);
    }

    /// <summary>Returns the delays since the last call, once the record that requests them has arrived.</summary>
    public async Task<Delays> ReadDelaysAsync()
    {
        var fields = (await _process.ReadLineAsync()).Split(' ');
        return new Delays(double.Parse(fields[0], CultureInfo.InvariantCulture), double.Parse(fields[1], CultureInfo.InvariantCulture));
    }

    public void Dispose() => _process.Dispose();

    /// <summary>Returns a record with the current time, or one that requests the delays.</summary>
    public static RecordBatch Stamped(bool asks = false)
    {
        var value = new byte[100];
        BinaryPrimitives.WriteInt64LittleEndian(value, asks ? 0 : Stopwatch.GetTimestamp());
        return new RecordBatch(new Record(value));
    }

    /// <summary>The main program of the process, which runs until it is killed.</summary>
    public static async Task<int> RunAsync(string address, int tails)
    {
        await using var log = GrpcLog.Connect(address);
        var next = (await log.GetRangeAsync()).NextOffset;
        var others = Enumerable.Range(1, tails - 1).Select(_ => Task.Run(() => FollowAsync(log, next, _ => { }))).ToList();
        var histogram = new LongHistogram(TimeStamp.Hours(1), 3);
        var first = FollowAsync(log, next, batch =>
        {
            var stamp = BinaryPrimitives.ReadInt64LittleEndian(batch[0].Value.Span);
            if (stamp != 0)
            {
                histogram.RecordValue(Math.Max(1, Stopwatch.GetTimestamp() - stamp));
                return;
            }

            if (histogram.TotalCount == 0)
                return; // a record of another load, without a timestamp

            var delays = Delays.Of(histogram);
            Console.WriteLine(FormattableString.Invariant($"{delays.Median} {delays.P99}"));
            histogram.Reset();
        });
        Console.WriteLine(Waiting);
        await Task.WhenAll([first, .. others]);
        return 0;
    }

    private static async Task FollowAsync(GrpcLog log, ulong next, Action<RecordBatch> take)
    {
        await foreach (var (_, batch) in log.ReadFromAsync(next, stopAtEnd: false))
            take(batch);
    }
}
