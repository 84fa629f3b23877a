using LogKit.Disk;
using LogKit.Tests.Disk.Simulation;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// Retention by age with a wrong clock: no record is deleted early, the operator is told, and records expire on time once the clock is
/// right.
/// </summary>
public sealed class RetentionClockTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromHours(1);

    private readonly ManualClock _clock = new();
    private readonly SimulatedDisk _disk = new();
    private readonly DiskLogOptions _options;

    public RetentionClockTests() => _options = new DiskLogOptions
    {
        SegmentLimitBytes = 64 * 1024,
        RetentionLimitMs = (long)Limit.TotalMilliseconds,
        Background = work => work(),
        Clock = _clock,
    };

    public static TheoryData<double> WrongHours => [-60 * 365 * 24, -48, -1.5, 1.5, 48, 60 * 365 * 24];

    [Theory]
    [MemberData(nameof(WrongHours))]
    public async Task A_clock_that_changes_while_the_log_is_closed_deletes_nothing_early(double hours)
    {
        await using (var log = Open())
            await AppendAsync(log, 40);

        _clock.SetWrong(TimeSpan.FromHours(hours)); // the machine restarts with a wrong clock
        _clock.Advance(TimeSpan.FromMinutes(1));
        await using (var log = Open())
        {
            if (Math.Abs(hours) <= 2 * Limit.TotalHours && hours > 0)
                return; // indistinguishable from a log that was closed for that long
            await AppendAsync(log, 3);
            Assert.Equal(new LogRange(0, 43), await log.GetRangeAsync());
        }

        _clock.SetWrong(TimeSpan.Zero);
        _clock.Advance(TimeSpan.FromMinutes(1));
        await using var right = Open();
        await AppendAsync(right, 3);
        Assert.Equal(new LogRange(0, 46), await right.GetRangeAsync());
        await AssertExpiresInTimeAsync(right, 46);
    }

    [Theory]
    [MemberData(nameof(WrongHours))]
    public async Task A_clock_that_is_set_while_the_log_is_open_deletes_nothing_early_and_is_reported(double hours)
    {
        await using var log = Open();
        var events = new List<LogEvent>();
        var reported = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var subscription = log.Observe(logEvent =>
        {
            events.Add(logEvent);
            reported.TrySetResult();
        });
        await AppendAsync(log, 40);
        _clock.SetWrong(TimeSpan.FromHours(hours));
        _clock.Advance(TimeSpan.FromMinutes(2));
        await AppendAsync(log, 3);
        Assert.Equal(new LogRange(0, 43), await log.GetRangeAsync());
        await reported.Task.Within("the clock to be reported");
        Assert.Equal(LogEventKind.ClockSuspect, Assert.Single(events).Kind);

        _clock.SetWrong(TimeSpan.Zero);
        _clock.Advance(TimeSpan.FromMinutes(2));
        await AppendAsync(log, 3);
        Assert.Equal(new LogRange(0, 46), await log.GetRangeAsync());
        await AssertExpiresInTimeAsync(log, 46);
    }

    [Fact]
    public async Task A_log_created_with_a_clock_in_1970_keeps_its_records_for_the_limit_after_the_clock_is_right()
    {
        _clock.SetWrong(DateTimeOffset.UnixEpoch - _clock.GetUtcNow());
        await using (var log = Open())
            await AppendAsync(log, 10);
        _clock.SetWrong(TimeSpan.Zero);
        for (var opening = 0; opening < 3; opening++)
        {
            _clock.Advance(TimeSpan.FromMinutes(10));
            await using var log = Open();
            Assert.Equal(new LogRange(0, 10), await log.GetRangeAsync());
        }

        await using var right = Open();
        await AssertExpiresInTimeAsync(right, 10);
    }

    private DiskLog Open() => DiskLog.Open(new SimulatedStorage(_disk), _options);

    /// <summary>Appends records of which two fill a segment.</summary>
    private static async Task AppendAsync(DiskLog log, int count)
    {
        for (var i = 0; i < count; i++)
            await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 30_000)));
    }

    private async Task AssertExpiresInTimeAsync(DiskLog log, ulong end)
    {
        for (var minutes = 0; minutes < 130; minutes += 10)
            _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(new LogRange(end, end), await log.GetRangeAsync());
    }
}
