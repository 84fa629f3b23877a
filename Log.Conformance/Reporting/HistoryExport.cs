using System.Text.Json;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Reporting;

/// <summary>
/// Exports a history as JSON Lines, for other checkers: first a line that describes the history, then one line per call, in the order in
/// which the calls began. The format is documented in REPORT.md.
/// </summary>
internal static class HistoryExport
{
    public const int Version = 1;

    public static string ToJsonLines(RuleResult result, string harness)
    {
        var lines = new List<string>
        {
            JsonSerializer.Serialize(new Dictionary<string, object?>
            {
                ["version"] = Version,
                ["harness"] = harness,
                ["rule"] = result.Rule.Id,
                ["seed"] = result.Violation!.Seed,
                ["isComplete"] = result.Violation.Content is not null,
            }),
        };
        lines.AddRange(result.Violation.History.Select(operation => JsonSerializer.Serialize(Line(operation))));
        return string.Join('\n', lines) + "\n";
    }

    private static Dictionary<string, object?> Line(Operation operation)
    {
        var line = new Dictionary<string, object?>
        {
            ["log"] = operation.Log,
            ["client"] = operation.Client,
            ["call"] = JsonNamingPolicy.CamelCase.ConvertName($"{operation.Kind}"),
            ["invoked"] = operation.Invoked,
            ["returned"] = operation.Returned == Operation.Never ? null : operation.Returned,
            ["outcome"] = operation switch
            {
                { Returned: Operation.Never } => "pending",
                { IsCanceled: true } => "canceled",
                { Failure: AppendOutcomeUnknownException } => "unknown",
                { Failure: not null } => "failed",
                _ => "ok",
            },
        };
        if (operation.Offset is { } offset)
            line[operation.Kind is OperationKind.Append ? "expectedOffset" : "offset"] = offset;
        if (operation.Kind is OperationKind.ReadBatches)
            line["limitBytes"] = operation.LimitBytes;
        if (operation.Batch is { } batch)
            line["records"] = Records(batch);
        if (operation.Failure is { } failure)
            (line["error"], line["message"]) = (failure.GetType().Name, failure.Message);
        switch (operation.Result ?? operation.Failure)
        {
            case ulong first:
                line["firstOffset"] = first;
                break;
            case LogRange range:
                (line["startOffset"], line["nextOffset"]) = (range.StartOffset, range.NextOffset);
                break;
            case OffsetOutOfRangeException exception:
                (line["startOffset"], line["nextOffset"]) = (exception.Range.StartOffset, exception.Range.NextOffset);
                break;
            case OffsetMismatchException exception:
                line["nextOffset"] = exception.NextOffset;
                break;
            case RecordBatch read:
                line["batches"] = (string[][])[Records(read)];
                break;
            case IReadOnlyList<RecordBatch> batches:
                line["batches"] = batches.Select(Records).ToArray();
                break;
        }

        return line;
    }

    /// <summary>The values, in Base64. Empty if the log returned something that is not a batch.</summary>
    private static string[] Records(RecordBatch batch)
    {
        try
        {
            return [.. batch.Select(record => Convert.ToBase64String(record.Value.Span))];
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException or IndexOutOfRangeException)
        {
            return [];
        }
    }
}
