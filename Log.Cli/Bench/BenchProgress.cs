using System.Globalization;
using Spectre.Console;

namespace LogKit.Cli.Bench;

/// <summary>Shows the progress of a run on a terminal. Polls the meter, which does not slow down the run.</summary>
internal static class BenchProgress
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    /// <param name="terminal">The terminal; null to show nothing.</param>
    /// <param name="load">The load.</param>
    /// <param name="meter">The meter.</param>
    /// <param name="work">The run.</param>
    public static Task RunAsync(IAnsiConsole? terminal, BenchLoad load, BenchMeter meter, Func<Task> work)
    {
        if (terminal is null)
            return work();

        ProgressColumn[] columns = [new TaskDescriptionColumn(), new ProgressBarColumn(), new RemainingTimeColumn()];
        return terminal
            .Progress()
            .AutoClear(true)
            .Columns(columns)
            .StartAsync(async context =>
            {
                var task = context.AddTask("warming up", maxValue: load.Duration.TotalSeconds);
                var running = work();
                while (await Task.WhenAny(running, Task.Delay(Interval)) != running)
                {
                    var seconds = meter.Elapsed.TotalSeconds;
                    if (seconds is 0)
                        continue;
                    task.Value = seconds;
                    task.Description = string.Create(
                        CultureInfo.InvariantCulture,
                        $"{meter.Tally.Appends / seconds,12:N0} appends/s, {meter.Tally.Errors.Values.Sum():N0} errors");
                }

                await running;
            });
    }
}
