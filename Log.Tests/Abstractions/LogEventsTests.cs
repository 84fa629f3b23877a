using System.Threading.Channels;

namespace LogKit.Tests.Abstractions;

public sealed class LogEventsTests
{
    private static LogEvent Event(string message) => new(LogEventKind.Notice, message);

    [Fact]
    public async Task An_observer_receives_earlier_and_later_events_in_order()
    {
        var events = new LogEvents();
        events.Report(Event("before"));
        var heard = Channel.CreateUnbounded<string>();

        using var subscription = events.Observe(logEvent => heard.Writer.TryWrite(logEvent.Message));
        events.Report(Event("later"));
        events.Report(Event("last"));

        Assert.Equal("before", await heard.Reader.ReadAsync());
        Assert.Equal("later", await heard.Reader.ReadAsync());
        Assert.Equal("last", await heard.Reader.ReadAsync());
    }

    [Fact]
    public async Task An_observer_that_throws_does_not_keep_events_from_others()
    {
        var events = new LogEvents();
        var heard = Channel.CreateUnbounded<string>();
        using var throwing = events.Observe(_ => throw new InvalidOperationException("thrown on purpose"));
        using var listening = events.Observe(logEvent => heard.Writer.TryWrite(logEvent.Message));

        events.Report(Event("first"));
        events.Report(Event("second"));

        Assert.Equal("first", await heard.Reader.ReadAsync());
        Assert.Equal("second", await heard.Reader.ReadAsync());
    }

    [Fact]
    public async Task An_observer_receives_nothing_after_its_subscription_ends()
    {
        var events = new LogEvents();
        var heard = new List<string>();
        var other = Channel.CreateUnbounded<string>();
        var subscription = events.Observe(logEvent => heard.Add(logEvent.Message));
        using var listening = events.Observe(logEvent => other.Writer.TryWrite(logEvent.Message));

        subscription.Dispose();
        events.Report(Event("after"));

        // Events are delivered in order of subscription, so the ended subscription would have received it first.
        Assert.Equal("after", await other.Reader.ReadAsync());
        Assert.Empty(heard);
    }

    [Fact]
    public async Task A_new_observer_receives_only_the_latest_of_many_events()
    {
        var events = new LogEvents();
        for (var i = 0; i < 100; i++)
            events.Report(Event($"{i}"));
        var heard = Channel.CreateUnbounded<string>();

        using var subscription = events.Observe(logEvent => heard.Writer.TryWrite(logEvent.Message));

        Assert.Equal("84", await heard.Reader.ReadAsync());
    }
}
