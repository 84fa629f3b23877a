using System.Globalization;

namespace LogKit.Disk.Retaining;

/// <summary>
/// The time by which segments age, and what is wrong with it. A clock may be set while the log is open, which shows by comparing it
/// with the time that really passed; or while it is closed, which shows only if it has come out before, or far after, what the log
/// has seen. Either way nothing is given up on its word alone.
/// </summary>
/// <remarks>For the writer, under its lock.</remarks>
internal sealed class RetentionClock(TimeProvider time, LogEvents events, string location)
{
    /// <summary>
    /// How much a clock may run ahead of or behind real time, as a share: what keeping it right takes (NTP slews by 0.05 %).
    /// </summary>
    private const double DriftShare = 0.001;

    /// <summary>The least difference that counts as setting the clock.</summary>
    private const long StepMs = 1_000;

    private long _lastMs = time.GetUtcNow().ToUnixTimeMilliseconds();
    private long _lastTimestamp = time.GetTimestamp();
    private double _unexplainedMs;
    private long? _changedAtMs;

    /// <summary>The time now, in milliseconds since 1970, UTC.</summary>
    public long NowMs => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>
    /// When the clock was found to have been set; null if it was not, or a segment has been made since, whose origin says so. Until then
    /// everything in the log ages from here.
    /// </summary>
    public long? ChangedAtMs => _changedAtMs;

    /// <summary>Compares the clock with what a log that is being opened has seen of it.</summary>
    /// <param name="newestMs">The latest time that the log's segments tell; null if none does.</param>
    /// <param name="lastMs">The time that the last of its segments tells; null if it does not.</param>
    /// <param name="limitMs">How long records are kept; null for ever, when ages do not matter.</param>
    public void CheckAgainst(long? newestMs, long? lastMs, long? limitMs)
    {
        if (newestMs is not { } newest)
            return;
        var aheadMs = NowMs - newest;
        if (aheadMs < -StepMs)
            Change(Text(-aheadMs, "behind"), "Records are kept for longer until the clock is right.");
        else if (lastMs < newest - StepMs)
            Change(
                Text(aheadMs, "ahead of"),
                "It was behind that when the last segment was made, so records are kept for the retention limit from now on.");
        else if (limitMs is { } limit && aheadMs / 2 > limit)
            Change(
                Text(aheadMs, "ahead of"), "Records from before are kept for the retention limit from now on, as the clock may be wrong.");

        static string Text(long differenceMs, string direction) => string.Create(
            CultureInfo.InvariantCulture, $"is {TimeSpan.FromMilliseconds(differenceMs)} {direction} the newest time in the log");
    }

    /// <summary>Looks at the clock, and notices if it was set since the last look.</summary>
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

    /// <summary>The time for the origin of a segment that is being made, and whether the clock was set before.</summary>
    public (long CreatedMs, bool IsAfterClockChange) Stamp()
    {
        Look();
        return (NowMs, _changedAtMs is not null);
    }

    /// <summary>A segment has been made with a stamp: what is before it ages from there.</summary>
    public void Stamped() => _changedAtMs = null;

    private void Change(string what, string consequence)
    {
        _changedAtMs = NowMs;
        events.Report(new LogEvent(
            LogEventKind.ClockSuspect, $"the clock {what}, as the log in {location} sees it. {consequence} Check the machine's clock."));
    }
}
