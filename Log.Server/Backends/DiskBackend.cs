using LogKit.Disk;

using static System.FormattableString;

namespace LogKit.Server.Backends;

/// <summary>The embedded log in a directory: <see cref="DiskLog"/>.</summary>
public sealed class DiskBackend : ILogBackend
{
    private const int GiB = 1024 * 1024 * 1024;

    private static readonly DiskLogOptions Defaults = new();

    private static readonly Setting<string> Directory =
        Setting.Words("Directory", "the directory of the disk log; created if needed", "the path of a directory", "./data");

    private static readonly Setting<FlushMode> FlushMode =
        Setting.Choice("FlushMode", "when the disk log flushes an append to the device", Defaults.FlushMode);

    private static readonly Setting<int> FlushIntervalMs = Setting.Number(
        "FlushIntervalMs", "the time between flushes for FlushMode=Interval, in milliseconds", 1, 60_000, Defaults.FlushIntervalMs);

    private static readonly Setting<int> SegmentLimitBytes = Setting.Number(
        "SegmentLimitBytes",
        "the size of a segment file of the disk log, in bytes",
        CommonSettings.MinSegmentBytes,
        GiB,
        (int)Defaults.SegmentLimitBytes);

    /// <inheritdoc/>
    public string Name => "Disk";

    /// <inheritdoc/>
    public IReadOnlyList<Setting> Settings { get; } =
    [
        Directory, FlushMode, FlushIntervalMs, CommonSettings.BatchLimitBytes, SegmentLimitBytes, CommonSettings.RetentionLimitBytes,
        CommonSettings.RetentionLimitHours,
    ];

    /// <inheritdoc/>
    public ValueTask<OpenedLog> OpenAsync(SettingValues settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var options = new DiskLogOptions
        {
            FlushMode = settings.Get(FlushMode),
            FlushIntervalMs = settings.Get(FlushIntervalMs),
            BatchLimitBytes = settings.Get(CommonSettings.BatchLimitBytes),
            SegmentLimitBytes = settings.Get(SegmentLimitBytes),
            RetentionLimitBytes = settings.Get(CommonSettings.RetentionLimitBytes),
            RetentionLimitMs = settings.Get(CommonSettings.RetentionLimitHours) * CommonSettings.HourMs,
        };
        if (options.RetentionLimitBytes < 2L * options.SegmentLimitBytes)
        {
            throw settings.Wrong(
                CommonSettings.RetentionLimitBytes,
                Invariant($"must be at least {2L * options.SegmentLimitBytes}, twice {SegmentLimitBytes.Key}"));
        }

        try
        {
            return ValueTask.FromResult<OpenedLog>(new Opened(DiskLog.Open(settings.Get(Directory), options)));
        }
        catch (Exception exception) when (exception is LogException or IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw settings.Wrong(Directory, exception.Message);
        }
    }

    private sealed class Opened(DiskLog log) : OpenedLog(log)
    {
        public override void Report(ILogger journal) => journal.LogDirectory(log.Directory, log.Recovery);
    }
}
