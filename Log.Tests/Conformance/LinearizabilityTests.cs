using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Tests.Conformance;

/// <summary>
/// Handwritten histories, as tables: `call result` with start and end. The check finds exactly those that are wrong.
/// </summary>
public sealed class LinearizabilityTests
{
    // What is in the log at the end, as far as anybody appended it, in this order.
    private static readonly string[] Stored = ["a", "b"];

    public static TheoryData<string, string, string?> Histories =>
        new()
        {
            { "nothing", "", null },
            { "one after the other", "append a 0 1-2, read 0 a 3-4, range 1 5-6", null },
            { "seen before it is acknowledged", "append a 0 1-9, read 0 a 3-4", null },
            { "not seen before it is acknowledged", "append a 0 1-9, absent 0 3-4, range 0 5-6", null },
            { "seen, and then not", "append a 0 1-9, read 0 a 3-4, absent 0 5-6", "no order of the calls" },
            { "not seen, and then seen, at the same time", "append a 0 1-9, read 0 a 3-6, absent 0 4-7", null },
            { "not seen after it was acknowledged", "append a 0 1-2, absent 0 3-4", "no order of the calls" },
            { "an old range after a new one", "append a 0 1-2, append b 1 3-10, range 2 4-5, range 1 6-7", "no order of the calls" },
            { "a range that goes back while both run", "append a 0 1-2, append b 1 3-10, range 2 4-7, range 1 5-8", null },
            {
                "the later batch is seen, the earlier not",
                "append a 0 1-20, append b 1 2-19, read 1 b 3-4, absent 0 5-6",
                "no order of the calls"
            },
            { "a later append got a lower offset", "append b 1 1-2, append a 0 3-4", "no order of the calls" },
            { "a wait that ended before the append began", "wait 0 1-2, append a 0 3-4", "no order of the calls" },
            { "a wait that ended in time", "wait 0 1-4, append a 0 2-3", null },
            { "acknowledged and lost", "append a 0 1-2, append lost 1 3-4", "is not in the log" },
            { "refused and stored", "refused b 1 1-2, append a 0 3-4", "its append was refused" },
            { "unknown and stored", "append a 0 1-2, unknown b 1 3-4, absent 1 5-6, read 1 b 7-8", null },
            { "unknown and not stored", "append a 0 1-2, unknown lost 1 3-4, absent 1 5-6", null },
            {
                "unknown, and not seen after it was seen",
                "append a 0 1-2, unknown b 1 3-4, read 1 b 5-6, absent 1 7-8",
                "no order of the calls"
            },
            {
                "unknown before a crash, and seen only later",
                "append a 0 1-2, unknown b 1 3-4, crash 5-6, absent 1 7-8",
                "no order of the calls"
            },
            { "told another offset than it got", "append a 1 1-2, append b 0 3-4", "said otherwise" },
            { "read what nobody stored there", "append a 0 1-2, read 0 b 3-4", "other records" },
            { "a range in the middle of a batch", "append a+b 0 1-2, range 1 3-4", "no batch ends there" },
            { "truncated, and out of range after that", "append a 0 1-2, truncate 1 3-4, gone 0 1 1 5-6, range 1 1 7-8", null },
            { "truncated, and read after that", "append a 0 1-2, truncate 1 3-4, read 0 a 5-6", "no order of the calls" },
            { "truncated, and read at the same time", "append a 0 1-2, truncate 1 3-6, read 0 a 4-5", null },
            { "gone before it was truncated", "append a 0 1-2, gone 0 1 1 3-4, truncate 1 5-6", "no order of the calls" },
            { "truncated before it was appended", "truncate 1 1-2, append a 0 3-4", "no order of the calls" },
            { "an old start after a truncation", "append a 0 1-2, truncate 1 3-4, range 1 5-6", "no order of the calls" },
            { "a start that nobody truncated to", "append a 0 1-2, append b 1 3-4, truncate 2 5-6, range 1 2 7-8", "nobody truncated" },
            {
                "a start of later with an end of before",
                "append a 0 1-2, append b 1 3-8, truncate 1 5-9, range 0 2 10-11, range 1 2 12-13",
                "no order of the calls"
            },
            {
                "two ends that were never true together",
                "append a 0 1-2, truncate 1 3-4, append b 1 5-6, range 0 2 1-9",
                "no order of the calls"
            },
            {
                "two ranges that contradict each other",
                "append a 0 1-2, append b 1 3-20, truncate 1 4-19, range 0 2 5-18, range 1 1 6-17",
                "ranges contradict each other"
            },
            { "two ranges in some order", "append a 0 1-2, append b 1 3-20, truncate 1 4-19, range 1 1 5-18, range 1 2 6-17", null },
            { "a mismatch that knows the future", "append a 0 1-2, mismatch 2 3-4, append b 1 5-6", "no order of the calls" },
        };

    [Theory]
    [MemberData(nameof(Histories))]
    public void A_history_is_explained_or_not(string name, string calls, string? problem)
    {
        var history = calls.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(Parse).ToList();
        var entries = new List<LogEntry>();
        var stored = calls.Contains("a+b", StringComparison.Ordinal) ? [Batch("a+b")]
            : Stored.Where(value => history.Any(call => call.Batch is { } batch && batch[0].ToString() == value)).Select(Batch);
        foreach (var batch in stored)
            entries.Add(new LogEntry(entries.Count == 0 ? 0 : entries[^1].Next, batch));
        var explanation = HistoryCheck.Explain(history, entries);
        if (problem is null)
            Assert.True(explanation is null, $"{name}: {explanation}");
        else
            Assert.Contains(problem, explanation ?? "no problem", StringComparison.Ordinal);
    }

    private static RecordBatch Batch(string values) => RecordBatch.OfText(values.Split('+'));

    private static Operation Parse(string call)
    {
        var words = call.Split(' ');
        var stamps = words[^1].Split('-').Select(long.Parse).ToArray();
        ulong Offset(int word) => ulong.Parse(words[word], System.Globalization.CultureInfo.InvariantCulture);
        var operation = words[0] switch
        {
            "append" => new Operation(OperationKind.Append, 0, null, Batch(words[1])) { Result = Offset(2) },
            "refused" => new Operation(OperationKind.Append, 0, null, Batch(words[1])) { Failure = new LogFullException() },
            "unknown" => new Operation(OperationKind.Append, 0, null, Batch(words[1])) { Failure = new AppendOutcomeUnknownException() },
            "mismatch" => new Operation(OperationKind.Append, 0, 99, RecordBatch.OfText("refused"))
            {
                Failure = new OffsetMismatchException(99, Offset(1)),
            },
            "read" => new Operation(OperationKind.Read, 0, Offset(1)) { Result = Batch(words[2]) },
            "absent" => new Operation(OperationKind.Read, 0, Offset(1))
            {
                Failure = new OffsetOutOfRangeException(Offset(1), new LogRange(0, Offset(1))),
            },
            "gone" => new Operation(OperationKind.Read, 0, Offset(1))
            {
                Failure = new OffsetOutOfRangeException(Offset(1), new LogRange(Offset(2), Offset(3))),
            },
            "truncate" => new Operation(OperationKind.Truncate, 0, Offset(1)),
            "range" when words.Length == 4 => new Operation(OperationKind.Range, 0) { Result = new LogRange(Offset(1), Offset(2)) },
            "range" => new Operation(OperationKind.Range, 0) { Result = new LogRange(0, Offset(1)) },
            "wait" => new Operation(OperationKind.Wait, 0, Offset(1)),
            _ => new Operation(OperationKind.Crash, 0),
        };
        (operation.Invoked, operation.Returned) = (stamps[0], stamps[1]);
        return operation;
    }
}
