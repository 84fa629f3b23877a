using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace LogKit.Benchmarks.Results;

/// <summary>
/// The results of a run. Prints each row as it is added, all rows as a table at the end, and writes them as JSON if requested.
/// </summary>
internal sealed class Table
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
    };

    private readonly List<Row> _rows = [];

    public IReadOnlyList<Row> Rows => _rows;

    public void Add(Row row)
    {
        _rows.Add(row);
        Console.WriteLine(Line(row));
    }

    public void Print()
    {
        Console.WriteLine();
        Console.WriteLine("| what | measured | against | ratio | target | spread | |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var row in _rows)
            Console.WriteLine(Line(row));
        if (_rows.All(row => row.Costs.Count == 0))
            return;

        Console.WriteLine();
        Console.WriteLine("What a record costs:");
        Console.WriteLine();
        Console.WriteLine("| what | server | its processor time | the client's | allocated | pool items | contended locks | collecting |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (var row in _rows)
        {
            foreach (var cost in row.Costs)
                Console.WriteLine(Line(row.What, cost));
        }
    }

    public void WriteJson(string path) => File.WriteAllText(path, JsonSerializer.Serialize(
        new
        {
            Processors = Environment.ProcessorCount,
            System = RuntimeInformation.OSDescription,
            Runtime = RuntimeInformation.FrameworkDescription,
            Rows = _rows,
        },
        Json) + "\n");

    private static string Line(Row row) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"| {row.What} | {row.Measured} | {row.Peer}{Against(row)} | {row.Ratio:0.00##}{row.Unit} | {row.Target} | {Spread(row)} | "
                + $"{row.Verdict} |");

    private static string Line(string what, Cost cost) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"| {what} | {cost.Server} | {cost.ServerMicroseconds:0.00} µs | {cost.ClientMicroseconds:0.00} µs | {cost.AllocatedBytes:N0} "
                + $"bytes | {cost.PoolItems:0.00} | {cost.Contentions:0.000} | {cost.CollectingPercent:0.0} % |");

    private static string Against(Row row) => row.Against == default ? "" : $": {row.Against}";

    private static string Spread(Row row) => row.Spread == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"±{row.Spread * 50:0} %");
}
