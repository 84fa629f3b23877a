using LogKit.Disk;
using LogKit.Tests.Disk.Simulation;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// Retention by age with a wrong clock: no record is deleted early, the operator is informed, and once the clock is right, records expire
/// in time.
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
    public async Task A_clock_that_is_wrong_from_one_opening_to_the_next_takes_nothing_early(double hours)
    {
        await using (var log = Open())
            await AppendAsync(log, 40);

        _clock.SetWrong(TimeSpan.FromHours(hours)); // the machine starts again
        _clock.Advance(TimeSpan.FromMinutes(1));
        await using (var log = Open())
        {
            if (Math.Abs(hours) <= 2 * Limit.TotalHours && hours > 0)
                return; // nothing tells it from a log that was closed for so long
            await AppendAsync(log, 3);
            Assert.Equal(new LogRange(0, 43), await log.GetRangeAsync());
        }

        _clock.SetWrong(TimeSpan.Zero);
        _clock.Advance(TimeSpan.FromMinutes(1));
        await using var right = Open();
        await AppendAsync(right, 3);
        Assert.Equal(new LogRange(0, 46), await right.GetRangeAsync());
        await AssertGoesInTimeAsync(right, 46);
    }

    [Theory]
    [MemberData(nameof(WrongHours))]
    public async Task A_clock_that_is_set_while_the_log_is_open_takes_nothing_early_and_is_reported(double hours)
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
        await AssertGoesInTimeAsync(log, 46);
    }

    [Fact]
    public async Task A_log_that_was_begun_under_a_clock_in_1970_keeps_its_records_for_the_limit_after_the_clock_is_right()
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
        await AssertGoesInTimeAsync(right, 10);
    }

    private DiskLog Open() => DiskLog.Open(new SimulatedStorage(_disk), _options);

    /// <summary>Appends records of which two fill a segment.</summary>
    private static async Task AppendAsync(DiskLog log, int count)
    {
        for (var i = 0; i < count; i++)
            await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 30_000)));
    }

    private async Task AssertGoesInTimeAsync(DiskLog log, ulong end)
    {
        for (var minutes = 0; minutes < 130; minutes += 10)
            _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(new LogRange(end, end), await log.GetRangeAsync());
    }
}
