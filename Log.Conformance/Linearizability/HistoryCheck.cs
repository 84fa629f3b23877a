using System.Runtime.InteropServices;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Linearizability;

/// <summary>
/// Checks whether a history of concurrent calls is linearizable: each call takes effect at one instant between its start and its end. Takes
/// polynomial time, because offsets determine the order of the appends. Only the time at which each batch became visible is open.
/// </summary>
/// <remarks>
/// For each batch j that is in the log at the end, lo[j] is the latest instant at which it was certainly not yet visible, and hi[j] the
/// earliest instant at which it certainly was. Batches become visible in order, so a history is linearizable if and only if the lo of no
/// batch is after the hi of the same or a later batch.
/// </remarks>
internal sealed class HistoryCheck
{
    private readonly IReadOnlyCollection<Operation> _history;
    private readonly List<LogEntry> _entries;
    private readonly ulong _end;
    private readonly Bound[] _low;
    private readonly Bound[] _high;

    private HistoryCheck(IReadOnlyCollection<Operation> history, List<LogEntry> entries)
    {
        _history = history;
        _entries = entries;
        _end = entries.Count == 0 ? 0 : entries[^1].Next;
        _low = new Bound[entries.Count];
        _high = Enumerable.Repeat(new Bound(Operation.Never, null), entries.Count).ToArray();
    }

    private readonly record struct Bound(long Stamp, Operation? By);

    /// <summary>Describes what is wrong with a history; null if it is linearizable.</summary>
    /// <param name="history">All calls and crashes. The first record of each appended batch must be unique.</param>
    /// <param name="entries">The content of the log after all calls have ended.</param>
    public static string? Explain(IReadOnlyCollection<Operation> history, List<LogEntry> entries)
    {
        var check = new HistoryCheck(history, entries);
        return check.PlaceAppends() ?? check.PlaceObservations() ?? check.Sweep();
    }

    private string? PlaceAppends()
    {
        var appends = new Dictionary<string, Operation>();
        foreach (var append in _history.Where(operation => operation.Kind is OperationKind.Append && operation.Batch!.Count > 0))
            appends.Add(Key(append.Batch!), append);
        for (var j = 0; j < _entries.Count; j++)
        {
            var (first, batch) = _entries[j];
            if (batch.Count == 0 || !appends.Remove(Key(batch), out var append))
                return $"at offset {first} is a batch that nobody appended, or that is there twice: {OperationText.Of(batch)}";
            if (Check.Difference(append.Batch!, batch) is { } difference)
                return $"at offset {first}: {difference}, appended by\n    {append}";
            if (append.Succeeded && (ulong)append.Result! != first)
                return $"a batch is at offset {first}, but its append said otherwise:\n    {append}";
            if (WasRefused(append))
                return $"a batch is at offset {first}, although its append was refused:\n    {append}";
            _low[j] = new Bound(append.Invoked, append);
            _high[j] = new Bound(append.Succeeded ? append.Returned : EndOfUnknown(append), append);
        }

        return appends.Values.FirstOrDefault(append => append.Succeeded) is { } lost
            ? $"an append was acknowledged, but its batch is not in the log:\n    {lost}" : null;
    }

    private string? PlaceObservations()
    {
        foreach (var operation in _history.Where(operation => operation.Returned != Operation.Never))
        {
            var problem = operation switch
            {
                { Kind: OperationKind.Read, Result: RecordBatch batch } => PlaceRead(operation, operation.Offset!.Value, batch),
                { Kind: OperationKind.ReadBatches, Result: IReadOnlyList<RecordBatch> batches } => PlaceReads(operation, batches),
                { Kind: OperationKind.Read or OperationKind.ReadBatches, Failure: OffsetOutOfRangeException exception } =>
                    PlaceAbsence(operation, operation.Offset!.Value) ?? PlaceNext(operation, exception.Range.NextOffset),
                { Kind: OperationKind.Append, Failure: OffsetMismatchException exception } => PlaceNext(operation, exception.NextOffset),
                { Kind: OperationKind.Range, Result: LogRange range } => PlaceNext(operation, range.NextOffset),
                { Kind: OperationKind.Wait, Succeeded: true } => PlacePresence(operation, operation.Offset!.Value),
                _ => null,
            };
            if (problem is not null)
                return problem;
        }

        return null;
    }

    private string? Sweep()
    {
        var run = default(Bound);
        for (var j = 0; j < _entries.Count; j++)
        {
            if (_low[j].Stamp > run.Stamp)
                run = _low[j];
            if (run.Stamp > _high[j].Stamp)
            {
                return $"no order of the calls explains what they saw: the batch at offset {_entries[j].First} was visible by the end of\n "
                    + $"   {_high[j].By}\n"
                    + $"  (calls {_high[j].By!.Invoked} to {_high[j].By!.Returned}), yet it, or one before it, was not at the beginning "
                    + $"of\n    {run.By}\n"
                    + $"  (calls {run.By!.Invoked} to {run.By!.Returned})";
            }
        }

        return null;
    }

    private string? PlaceReads(Operation operation, IReadOnlyList<RecordBatch> batches)
    {
        var offset = operation.Offset!.Value;
        foreach (var batch in batches)
        {
            if (PlaceRead(operation, offset, batch) is { } problem)
                return problem;
            offset += (ulong)batch.Count;
        }

        return null;
    }

    private string? PlaceRead(Operation operation, ulong offset, RecordBatch batch)
    {
        var j = IndexOf(offset);
        if (j < 0)
            return $"a read returned records of an offset that is not in the log:\n    {operation}";
        if (Check.Difference(_entries[j].Batch.From((int)(offset - _entries[j].First)), batch) is { } difference)
            return $"a read returned other records than are in the log: {difference}:\n    {operation}";
        return PlacePresence(operation, offset);
    }

    private string? PlacePresence(Operation operation, ulong offset)
    {
        var j = IndexOf(offset);
        if (j < 0)
            return $"an offset was there, but is not in the log:\n    {operation}";
        if (operation.Returned < _high[j].Stamp)
            _high[j] = new Bound(operation.Returned, operation);
        return null;
    }

    private string? PlaceAbsence(Operation operation, ulong offset)
    {
        if (IndexOf(offset) is var j and >= 0 && operation.Invoked > _low[j].Stamp)
            _low[j] = new Bound(operation.Invoked, operation);
        return null;
    }

    /// <summary>Uses an observed end of the log: at one instant, everything before it was visible and nothing after it.</summary>
    private string? PlaceNext(Operation operation, ulong next)
    {
        if (next == 0 || next == _entries.FirstOrDefault().First)
            return PlaceAbsence(operation, next);
        if (next > _end || _entries[IndexOf(next - 1)].Next != next)
            return $"a next offset of {next} was seen, but no batch ends there:\n    {operation}";
        return PlacePresence(operation, next - 1) ?? PlaceAbsence(operation, next);
    }

    private static bool WasRefused(Operation append) =>
        append.Failure is ArgumentException or (LogException and not AppendOutcomeUnknownException);

    /// <summary>
    /// The latest time at which an append with an unknown outcome took effect: before the log was reopened after the next crash.
    /// </summary>
    private long EndOfUnknown(Operation append)
    {
        var crash = _history
            .Where(operation => operation.Kind is OperationKind.Crash && operation.Returned > append.Invoked)
            .MinBy(operation => operation.Returned);
        return crash?.Returned ?? Operation.Never;
    }

    private static string Key(RecordBatch batch) => batch[0].ToString();

    /// <summary>The index of the batch that contains an offset; -1 if there is none.</summary>
    private int IndexOf(ulong offset)
    {
        var index = CollectionsMarshal.AsSpan(_entries).BinarySearch(new At(offset));
        return index >= 0 ? index : -1;
    }

    private readonly struct At(ulong offset) : IComparable<LogEntry>
    {
        public int CompareTo(LogEntry entry) => offset < entry.First ? -1 : offset >= entry.Next ? 1 : 0;
    }
}
