using System.Globalization;
using System.Text.Json;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;

namespace LogKit.Cli.Bench;

/// <summary>Writes a report to standard output, as aligned text or as JSON.</summary>
internal static class BenchOutput
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
    };

    /// <exception cref="OutputException">The output cannot be written.</exception>
    public static async Task WriteJsonAsync(BenchReport report, LineOutput output)
    {
        await output.WriteLineAsync($"{JsonSerializer.Serialize(report, Json)}");
        await output.FlushAsync();
    }

    /// <exception cref="OutputException">The output cannot be written.</exception>
    public static async Task WriteTextAsync(BenchReport report, LineOutput output)
    {
        var calls = report.InFlight is { } inFlight
            ? string.Create(CultureInfo.InvariantCulture, $"in streams with {inFlight:N0} in flight each")
            : "in single calls";
        var append = $"{Count(report.BatchRecords, "record")} of {Count(report.RecordBytes, "byte")} an append";
        await output.WriteLineAsync($"{"load",-10}{Count(report.Producers, "producer")}, {calls}, {append}");
        await output.WriteLineAsync(
            $"{"time",-10}{report.ElapsedSeconds,14:N3} s{(report.WarmupOnly ? ", interrupted while warming up" : "")}");
        await output.WriteLineAsync($"{"appends",-10}{report.Appends,14:N0} {report.AppendsPerSecond,14:N0}/s");
        await output.WriteLineAsync(
            $"{"records",-10}{report.Records,14:N0} {report.RecordsPerSecond,14:N0}/s {report.MegabytesPerSecond,10:N2} MB/s");
        if (report.Tails > 0)
        {
            var tails = Count(report.Tails, "tail");
            await output.WriteLineAsync(
                $"{"delivered",-10}{report.DeliveredRecords,14:N0} {report.DeliveredRecordsPerSecond,14:N0}/s to {tails}");
        }

        if (report.Latency is { } latency)
        {
            foreach (var (name, ms) in new[]
            {
                ("p50", latency.P50Ms), ("p90", latency.P90Ms), ("p99", latency.P99Ms), ("p99.9", latency.P999Ms), ("max", latency.MaxMs),
            })
                await output.WriteLineAsync($"{name,-10}{ms,14:N3} ms");
        }

        await output.WriteLineAsync($"{"errors",-10}{report.Errors.Values.Sum(),14:N0}{Kinds(report)}");
        await output.FlushAsync();
    }

    private static string Kinds(BenchReport report) =>
        report.Errors.Count == 0
            ? ""
            : " "
                + string.Join(
                    ", ", report.Errors.Select(error => string.Create(CultureInfo.InvariantCulture, $"{error.Key} {error.Value:N0}")));

    private static string Count(int count, string noun) =>
        string.Create(CultureInfo.InvariantCulture, $"{count:N0} {noun}{(count == 1 ? "" : "s")}");
}
