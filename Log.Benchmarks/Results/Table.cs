using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace LogKit.Benchmarks.Results;

/// <summary>The result of a run: shown row by row as it comes, and at the end as one table, as JSON where that is asked for.</summary>
internal sealed class Table
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    private readonly List<Row> _rows = [];

    public IReadOnlyList<Row> Rows => _rows;

    public void Add(Row row)
    {
        _rows.Add(row);
        Console.WriteLine(Line(row, row.Cost is not null));
    }

    public void Print()
    {
        var hasCosts = _rows.Any(row => row.Cost is not null);
        Console.WriteLine();
        Console.WriteLine($"| what | measured | against | ratio | target | spread | |{(hasCosts ? " processor time a record, server + client |" : "")}");
        Console.WriteLine($"|---|---|---|---|---|---|---|{(hasCosts ? "---|" : "")}");
        foreach (var row in _rows)
            Console.WriteLine(Line(row, hasCosts));
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

    private static string Line(Row row, bool hasCosts) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {row.What} | {row.Measured} | {row.Peer}{Against(row)} | {row.Ratio:0.00##}{row.Unit} | {row.Target} | {Spread(row)} | {row.Verdict} |{(hasCosts ? $" {row.Cost} |" : "")}");

    private static string Against(Row row) => row.Against == default ? "" : $": {row.Against}";

    private static string Spread(Row row) => row.Spread == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"±{row.Spread * 50:0} %");
}
