using Spectre.Console;

namespace LogKit.Cli.Records;

/// <summary>Shows the progress of producing on a terminal: a bar if the size of the input is known, otherwise a count.</summary>
internal static class ProduceProgress
{
    /// <param name="terminal">The terminal; null to show nothing.</param>
    /// <param name="sizeBytes">The size of the input; null if it is not known.</param>
    /// <param name="work">The work, which gets an action to call when more has been produced.</param>
    public static Task RunAsync(IAnsiConsole? terminal, long? sizeBytes, Func<Action<ProduceSummary>, Task> work)
    {
        if (terminal is null)
            return work(static _ => { });

        ProgressColumn[] columns = sizeBytes is null
            ? [new SpinnerColumn(), new TaskDescriptionColumn()]
            : [new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()];
        return terminal.Progress().AutoClear(true).Columns(columns).StartAsync(async context =>
        {
            var task = context.AddTask("produced 0 records", maxValue: Math.Max(1, sizeBytes ?? 1));
            await work(produced =>
            {
                task.Description = $"produced {produced.Count}";
                if (sizeBytes is not null)
                    task.Value = produced.Bytes + (long)produced.Records; // including the newline of each line
            });
        });
    }
}
