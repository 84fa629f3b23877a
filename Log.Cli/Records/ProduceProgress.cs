using Spectre.Console;

namespace LogKit.Cli.Records;

/// <summary>How far producing has come, moving on a terminal: a bar where the size of the input is known, else a count.</summary>
internal static class ProduceProgress
{
    /// <param name="terminal">Null: nothing is shown.</param>
    /// <param name="sizeBytes">The size of the input; null where it is not known.</param>
    /// <param name="work">Is given what to call when more has been produced.</param>
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
                    task.Value = produced.Bytes + (long)produced.Records; // each line with its newline
            });
        });
    }
}
