using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace LogKit.Conformance.Reporting;

/// <summary>
/// Measures the log of a harness, without judging it: a first idea of how fast it is, and where. The figures are of this machine and
/// moment; compare logs in one run only.
/// </summary>
internal sealed class PerformanceSheet
{
    private const int RecordBytes = 100;
    private const int LargeBatchRecords = 100;
    private const int Callers = 64;
    private const int WakeUps = 200;

    private readonly TimeSpan _duration;
    private readonly List<(string What, string Figure)> _rows = [];

    private PerformanceSheet(TimeSpan duration) => _duration = duration;

    /// <summary>Measures and returns the sheet: each row with its figure.</summary>
    /// <param name="harness">The harness.</param>
    /// <param name="duration">How long each row takes, about.</param>
    public static async Task<IReadOnlyList<(string What, string Figure)>> MeasureAsync(LogHarness harness, TimeSpan duration)
    {
        var sheet = new PerformanceSheet(duration);
        var name = $"performance-{Guid.NewGuid():N}";
        var log = await harness.OpenAsync(name).ConfigureAwait(false);
        try
        {
            await sheet.MeasureAsync(log).ConfigureAwait(false);
        }
        finally
        {
            await log.DisposeAsync().ConfigureAwait(false);
            await harness.RemoveAsync(name).ConfigureAwait(false);
        }

        return sheet._rows;
    }

    /// <summary>Formats sheets as a Markdown table, one column per harness.</summary>
    public static string Table(IReadOnlyList<(string Harness, IReadOnlyList<(string What, string Figure)> Rows)> sheets)
    {
        var text = new StringBuilder();
        text.Append("| |").AppendJoin("", sheets.Select(sheet => $" {sheet.Harness} |")).Append('\n');
        text.Append("|---|").AppendJoin("", sheets.Select(_ => "--:|")).Append('\n');
        for (var row = 0; row < sheets[0].Rows.Count; row++)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {sheets[0].Rows[row].What} |");
            text.AppendJoin("", sheets.Select(sheet => $" {sheet.Rows[row].Figure} |")).Append('\n');
        }

        return text.ToString();
    }

    private async Task MeasureAsync(ILog log)
    {
        var single = Batches.OfSize(RecordBytes);
        var large = new RecordBatch([.. Enumerable.Repeat(new Record(new byte[RecordBytes]), LargeBatchRecords)]);
        await RepeatAsync(_duration / 10, () => log.AppendBatchAsync(single).AsTask()).ConfigureAwait(false); // warms up

        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var (appends, seconds) = await RepeatAsync(_duration, () => log.AppendBatchAsync(single).AsTask()).ConfigureAwait(false);
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        Row("appends/s, 1 caller", appends / seconds);
        Row("bytes allocated per append, by this process", allocated / (double)appends);

        var callers = Enumerable.Range(0, Callers)
            .Select(_ => Task.Run(() => RepeatAsync(_duration, () => log.AppendBatchAsync(single).AsTask())));
        var together = await Task.WhenAll(callers).ConfigureAwait(false);
        Row($"appends/s, {Callers} callers", together.Sum(caller => caller.Count / caller.Seconds));

        var first = (await log.GetRangeAsync().ConfigureAwait(false)).NextOffset;
        (appends, seconds) = await RepeatAsync(_duration, () => log.AppendBatchAsync(large).AsTask()).ConfigureAwait(false);
        Row($"MB/s appended, batches of {LargeBatchRecords}", appends * (double)large.SizeBytes / seconds / 1e6);

        var (next, end) = (0ul, (await log.GetRangeAsync().ConfigureAwait(false)).NextOffset);
        (var reads, seconds) = await RepeatAsync(_duration, async () =>
        {
            var batch = await log.ReadBatchAsync(next).ConfigureAwait(false);
            next = next + (ulong)batch.Count < first ? next + (ulong)batch.Count : 0;
        }).ConfigureAwait(false);
        Row("reads/s, one batch of one record each", reads / seconds);

        var (bytes, offset) = (0L, first);
        (_, seconds) = await RepeatAsync(_duration, async () =>
        {
            foreach (var batch in await log.ReadBatchesAsync(offset, limitBytes: 1024 * 1024).ConfigureAwait(false))
                (bytes, offset) = (bytes + batch.SizeBytes, offset + (ulong)batch.Count);
            offset = offset < end ? offset : first;
        }).ConfigureAwait(false);
        Row($"MB/s read, batches of {LargeBatchRecords}, several at a time", bytes / seconds / 1e6);
        await MeasureWakeUpsAsync(log, single).ConfigureAwait(false);
    }

    /// <summary>From the call of an append to the end of a wait for it.</summary>
    private async Task MeasureWakeUpsAsync(ILog log, RecordBatch batch)
    {
        var micros = new double[WakeUps];
        for (var i = 0; i < WakeUps; i++)
        {
            var wait = log.WaitForAppendAsync((await log.GetRangeAsync().ConfigureAwait(false)).NextOffset).AsTask();
            var started = Stopwatch.GetTimestamp();
            await log.AppendBatchAsync(batch).ConfigureAwait(false);
            await wait.ConfigureAwait(false);
            micros[i] = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        }

        Array.Sort(micros);
        Row("µs from an append to the end of a wait, median", micros[WakeUps / 2]);
        Row("the same, 99th percentile", micros[WakeUps * 99 / 100]);
    }

    private void Row(string what, double figure) =>
        _rows.Add((what, figure.ToString(figure < 10 ? "0.0" : "#,0", CultureInfo.InvariantCulture)));

    private static async Task<(long Count, double Seconds)> RepeatAsync(TimeSpan duration, Func<Task> call)
    {
        var (count, started) = (0L, Stopwatch.GetTimestamp());
        do
        {
            await call().ConfigureAwait(false);
            count++;
        }
        while (Stopwatch.GetElapsedTime(started) < duration);
        return (count, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }
}
