using LogKit.Conformance.Running;

namespace LogKit.Conformance.Model;

/// <summary>The outcome of a step, as text. Two outcomes are equal if and only if a caller cannot distinguish them.</summary>
internal static class Outcome
{
    public const string Done = "done";

    public static string Of(ulong offset) => $"{offset}";

    public static string Of(LogRange range) => $"{range}";

    public static string Of(RecordBatch batch) =>
        $"RecordBatch.OfText({string.Join(", ", batch.Select(record => OperationText.Of(record.ToString())))})";

    public static string Of(IEnumerable<RecordBatch> batches) => string.Join(" then ", batches.Select(Of));

    public static string Of(Exception exception) =>
        exception switch
        {
            OffsetOutOfRangeException { Offset: var offset, Range: var range } =>
                $"{nameof(OffsetOutOfRangeException)} for {offset} of {range}",
            OffsetMismatchException { ExpectedOffset: var expected, NextOffset: var next } =>
                $"{nameof(OffsetMismatchException)} for {expected} where {next} is next",
            _ => exception.GetType().Name,
        };
}
