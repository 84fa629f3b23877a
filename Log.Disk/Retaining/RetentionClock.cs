using System.Globalization;
using LogKit.Disk.Segments;

namespace LogKit.Disk.Retaining;

/// <summary>
/// The clock by which segments age, and whether it can be trusted. If the clock is set while the log is open, it disagrees with the elapsed
/// time. If it is set while the log is closed, that shows only if the time is earlier, or much later, than the log has seen. In either case
/// nothing is deleted because of the clock alone.
/// </summary>
/// <remarks>Used by the writer, under its lock.</remarks>
internal sealed class RetentionClock(TimeProvider time, LogEvents events, string location)
{
    /// <summary>
    /// The fraction by which a clock may run fast or slow without counting as set. NTP slews by 0.05 %.
    /// </summary>
    private const double DriftShare = 0.001;

    /// <summary>The smallest difference that counts as setting the clock.</summary>
    private const long StepMs = 1_000;

    private long _lastMs = time.GetUtcNow().ToUnixTimeMilliseconds();
    private long _lastTimestamp = time.GetTimestamp();
    private double _unexplainedMs;
    private long? _changedAtMs;

    /// <summary>The time now, in milliseconds since 1970, UTC.</summary>
    public long NowMs => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>
    /// When the clock was found to have been set; null if it was not, or if a segment whose origin records it has been created since. Until
    /// then, everything in the log ages from this time.
    /// </summary>
    public long? ChangedAtMs => _changedAtMs;

    /// <summary>Compares the clock with the creation times in a log that is being opened.</summary>
    /// <param name="segments">The segments of the log.</param>
    /// <param name="limitMs">How long records are kept; null means forever, so that ages do not matter.</param>
    public void CheckAgainst(ReadOnlySpan<Segment> segments, long? limitMs)
    {
        if (NewestMs(segments) is not { } newest)
            return;
        var lastMs = segments[^1].Header.Origin?.CreatedMs;
        var aheadMs = NowMs - newest;
        if (aheadMs < -StepMs)
            Change(Text(-aheadMs, "behind"), "Records are kept for longer until the clock is right.");
        else if (lastMs < newest - StepMs)
            Change(
                Text(aheadMs, "ahead of"),
                "It was behind that time when the last segment was created, so records are kept for the retention limit from now on.");
        else if (limitMs is { } limit && aheadMs / 2 > limit)
            Change(
                Text(aheadMs, "ahead of"), "Records from before are kept for the retention limit from now on, as the clock may be wrong.");

        static string Text(long differenceMs, string direction) => string.Create(
            CultureInfo.InvariantCulture, $"is {TimeSpan.FromMilliseconds(differenceMs)} {direction} the newest time in the log");
    }

    /// <summary>The latest creation time since the clock was last found to have been set; null if no segment records one.</summary>
    private static long? NewestMs(ReadOnlySpan<Segment> segments)
    {
        long? newest = null;
        for (var i = segments.Length - 1; i >= 0; i--)
        {
            if (segments[i].Header.Origin is not { } origin)
                continue;
            newest = Math.Max(newest ?? long.MinValue, origin.CreatedMs);
            if (origin.IsAfterClockChange)
                break;
        }

        return newest;
    }

    /// <summary>Checks whether the clock was set since the last check.</summary>
    public void Look()
    {
        var (ms, timestamp) = (NowMs, time.GetTimestamp());
        var elapsedMs = time.GetElapsedTime(_lastTimestamp, timestamp).TotalMilliseconds;
        var aheadMs = ms - _lastMs - elapsedMs;
        (_lastMs, _lastTimestamp) = (ms, timestamp);
        if (Math.Abs(aheadMs) > elapsedMs * DriftShare)
            _unexplainedMs += aheadMs;
        if (Math.Abs(_unexplainedMs) < StepMs)
            return;
        var moved = TimeSpan.FromMilliseconds(Math.Abs(_unexplainedMs));
        var isForward = _unexplainedMs > 0;
        _unexplainedMs = 0;
        Change(
            string.Create(CultureInfo.InvariantCulture, $"was set {(isForward ? "forward" : "back")} by {moved}"),
            isForward
                ? "Records from before are kept for the retention limit from now on."
                : "Records are kept for longer until the clock is right.");
    }

    /// <summary>The time for the origin of a new segment, and whether the clock was set before.</summary>
    public (long CreatedMs, bool IsAfterClockChange) Stamp()
    {
        Look();
        return (NowMs, _changedAtMs is not null);
    }

    /// <summary>Records that a segment with the stamp was created. Everything before it ages from its time.</summary>
    public void Stamped() => _changedAtMs = null;

    private void Change(string what, string consequence)
    {
        _changedAtMs = NowMs;
        events.Report(new LogEvent(
            LogEventKind.ClockSuspect, $"the clock {what}, as seen by the log in {location}. {consequence} Check the machine's clock."));
    }
}
