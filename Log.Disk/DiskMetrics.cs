using System.Diagnostics.Metrics;

namespace LogKit.Disk;

/// <summary>
/// The meter <c>LogKit.Disk</c>: measurements of the devices of all logs in this process. Costs almost nothing if nobody listens.
/// </summary>
internal static class DiskMetrics
{
    public const string MeterName = "LogKit.Disk";

    private static readonly Meter Meter = new(MeterName);

    /// <summary>The time that the device takes for a flush.</summary>
    public static Histogram<double> FlushDuration { get; } = Meter.CreateHistogram(
        "logkit.flush.duration", "s", "the duration of a flush of appended data",
        advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
        });

    /// <summary>The number of appends that share a flush, with <see cref="FlushMode.Always"/>.</summary>
    public static Histogram<int> GroupSize { get; } = Meter.CreateHistogram(
        "logkit.flush.group_size", "{append}", "appends acknowledged by one flush",
        advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096] });

    private static readonly Lock Gate = new();
    private static readonly List<string> Directories = []; // under Gate; of the open logs

    static DiskMetrics() => Meter.CreateObservableGauge(
        "logkit.disk.free", MeasureFree, "By", "free space on the log's volume; the smallest value if there are several logs");

    /// <summary>Starts measuring the free space of a log that was opened.</summary>
    public static void Opened(string directory)
    {
        lock (Gate)
            Directories.Add(directory);
    }

    /// <summary>Stops measuring the free space of a log that was closed.</summary>
    public static void Closed(string directory)
    {
        lock (Gate)
            Directories.Remove(directory);
    }

    private static IEnumerable<Measurement<long>> MeasureFree()
    {
        string[] directories;
        lock (Gate)
            directories = [.. Directories.Distinct(StringComparer.Ordinal)];
        var free = directories.Select(FreeBytes).OfType<long>().ToList();
        return free.Count > 0 ? [new Measurement<long>(free.Min())] : []; // unknown is not zero
    }

    private static long? FreeBytes(string directory)
    {
        try
        {
            return new DriveInfo(directory).AvailableFreeSpace;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
