using LogKit.Conformance.Running;

namespace LogKit.Conformance.Linearizability;

/// <summary>
/// Checks whether a history of concurrent calls is linearizable: each call takes effect at one instant between its start and its end. Takes
/// polynomial time, because offsets determine the order of the appends. Only the times of events are open: when each batch became
/// visible, and when each truncation took effect.
/// </summary>
/// <remarks>
/// Each event has an interval: from the latest instant at which it certainly had not happened to the earliest at which it certainly had.
/// Some events precede others: a batch the next batch, a truncation a further one, what a range saw what it did not see. The history is
/// linearizable if every event has an instant in its interval that respects this order. One condition is only approximated: a truncation
/// counts as possible from the first call on that could have caused it.
/// </remarks>
internal sealed class HistoryCheck
{
    private readonly IReadOnlyCollection<Operation> _history;
    private readonly LogEntry[] _entries;
    private readonly ulong _end;
    private readonly Event[] _batches;

    // The offsets that were truncated to, in order, and the events that the start reached them.
    private readonly ulong[] _starts;
    private readonly Event[] _truncations;
    private readonly List<(Event Earlier, Event Later, bool IsStrict)> _order = [];

    private HistoryCheck(IReadOnlyCollection<Operation> history, IReadOnlyList<LogEntry> entries)
    {
        _history = history;
        _entries = [.. entries];
        _end = entries.Count == 0 ? 0 : entries[^1].Next;
        _batches = [.. entries.Select(entry => new Event($"the batch at offset {entry.First} was visible"))];
        _starts = [.. Truncations().Select(truncation => truncation.Offset!.Value).Where(offset => offset > 0).Distinct().Order()];
        _truncations = [.. _starts.Select(start => new Event($"the records before offset {start} were truncated"))];
    }

    /// <summary>Describes what is wrong with a history; null if it is linearizable.</summary>
    /// <param name="history">All calls and crashes. The first record of each appended batch must be unique.</param>
    /// <param name="entries">
    /// The content of the log after all calls have ended, including what was truncated; see <see cref="LogContent.WithTruncated"/>.
    /// </param>
    public static string? Explain(IReadOnlyCollection<Operation> history, IReadOnlyList<LogEntry> entries)
    {
        return new HistoryCheck(history, entries).FindProblem();
    }

    /// <summary>An order of the completed calls that explains all they saw; null if there is none.</summary>
    /// <inheritdoc cref="Explain"/>
    public static IReadOnlyList<Operation>? OrderOf(IReadOnlyCollection<Operation> history, IReadOnlyList<LogEntry> entries)
    {
        var check = new HistoryCheck(history, entries);
        if (check.FindProblem() is not null)
            return null;
        return
        [
            .. history
                .Where(operation => !operation.IsLifetime && (operation.Succeeded || operation.Failure is not null))
                .OrderBy(check.InstantOf),
        ];
    }

    private string? FindProblem() => PlaceAppends() ?? PlaceTruncations() ?? PlaceObservations() ?? Order();

    private string? PlaceAppends()
    {
        var appends = new Dictionary<string, Operation>();
        foreach (var append in _history.Where(operation => operation.Kind is OperationKind.Append && operation.Batch!.Count > 0))
            appends.Add(Key(append.Batch!), append);
        for (var j = 0; j < _entries.Length; j++)
        {
            var (first, batch) = _entries[j];
            if (j > 0 && _entries[j - 1].Next != first)
                return $"the log has no batch from offset {_entries[j - 1].Next} to {first}";
            if (batch.Count == 0 || !appends.Remove(Key(batch), out var append))
                return $"at offset {first} is a batch that nobody appended, or that is there twice: {OperationText.Of(batch)}";
            if (Check.Difference(append.Batch!, batch) is { } difference)
                return $"at offset {first}: {difference}, appended by\n    {append}";
            if (append.Succeeded && (ulong)append.Result! != first)
                return $"a batch is at offset {first}, but its append said otherwise:\n    {append}";
            if (WasRefused(append))
                return $"a batch is at offset {first}, although its append was refused:\n    {append}";
            _batches[j].NotBefore(append.Invoked, append);
            _batches[j].NotAfter(append.Succeeded ? append.Returned : EndOfUnknown(append), append);
            if (j > 0)
                _order.Add((_batches[j - 1], _batches[j], false));
        }

        return appends.Values.FirstOrDefault(append => append.Succeeded) is { } lost
            ? $"an append was acknowledged, but its batch is not in the log:\n    {lost}" : null;
    }

    private string? PlaceTruncations()
    {
        for (var k = 0; k < _starts.Length; k++)
        {
            var first = Truncations().Where(truncation => truncation.Offset >= _starts[k]).MinBy(truncation => truncation.Invoked)!;
            _truncations[k].NotBefore(first.Invoked, first);
            if (k > 0)
                _order.Add((_truncations[k - 1], _truncations[k], false));
            if (IndexOf(_starts[k] - 1) is var batch and >= 0)
                _order.Add((_batches[batch], _truncations[k], false));
        }

        foreach (var truncation in Truncations().Where(truncation => truncation is { Succeeded: true, Offset: > 0 }))
        {
            if (PlacePresence(truncation, truncation.Offset!.Value - 1) is { } problem)
                return problem;
            _truncations[Array.BinarySearch(_starts, truncation.Offset.Value)].NotAfter(truncation.Returned, truncation);
        }

        return null;
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
                    PlaceMiss(operation, exception.Range),
                { Kind: OperationKind.Truncate, Failure: OffsetOutOfRangeException exception } =>
                    exception.Range.NextOffset < operation.Offset!.Value
                        ? PlaceRange(operation, exception.Range)
                        : $"a truncation failed although the range that it reports reaches its offset:\n    {operation}",
                { Kind: OperationKind.Append, Failure: OffsetMismatchException exception } => PlaceNext(operation, exception.NextOffset),
                { Kind: OperationKind.Range, Result: LogRange range } => PlaceRange(operation, range),
                { Kind: OperationKind.Wait, Succeeded: true } => PlacePresence(operation, operation.Offset!.Value),
                _ => null,
            };
            if (problem is not null)
                return problem;
        }

        return null;
    }

    /// <summary>Moves each event to its earliest instant, in the order of the events, until nothing changes.</summary>
    private string? Order()
    {
        // As a graph without a cycle has no longer path, more rounds than edges mean that events precede themselves.
        for (var round = 0; round <= _order.Count; round++)
        {
            var hasChanged = false;
            foreach (var (earlier, later, isStrict) in _order)
                hasChanged |= later.NotBefore(earlier, isStrict);
            if (Events().FirstOrDefault(one => one.IsImpossible) is { } impossible)
                return Contradiction(impossible);
            if (!hasChanged)
                return null;
        }

        var (first, second, _) = _order.First(edge => edge.IsStrict);
        return $"no order of the calls explains what they saw: ranges contradict each other, among them those of\n    {first.Low.By}\n    "
            + $"{second.Low.By}";
    }

    /// <summary>The earliest instant of a call, and its place among those that share the stamp.</summary>
    private (long Stamp, int Place, int Step) InstantOf(Operation operation) => operation switch
    {
        { Kind: OperationKind.Append, Result: ulong first } => Effect(_batches[IndexOf(first)]),
        { Kind: OperationKind.Truncate, Succeeded: true, Offset: > 0 and var offset } =>
            Effect(_truncations[Array.BinarySearch(_starts, offset)]),
        { Result: LogRange range } => Sight(operation, range),
        { Failure: OffsetOutOfRangeException exception } => Sight(operation, exception.Range),
        { Failure: OffsetMismatchException exception } => Sight(operation, new LogRange(0, exception.NextOffset)),
        { Kind: OperationKind.Wait or OperationKind.Read, Succeeded: true, Offset: var offset } =>
            Sight(operation, new LogRange(0, offset!.Value + 1)),
        { Result: IReadOnlyList<RecordBatch> batches } =>
            Sight(operation, new LogRange(0, operation.Offset!.Value + (ulong)batches.Sum(batch => batch.Count))),
        _ => (operation.Invoked, 0, 0),
    };

    private static (long Stamp, int Place, int Step) Effect(Event effect) => (effect.Low.Stamp, 1, effect.Low.Step);

    /// <summary>After all effects that a call saw, and otherwise as soon as it began.</summary>
    private (long Stamp, int Place, int Step) Sight(Operation operation, LogRange range)
    {
        var seen = (operation.Invoked, 0, 0);
        if (range.NextOffset > 0 && IndexOf(range.NextOffset - 1) is var batch and >= 0 && _batches[batch].Low.Stamp >= operation.Invoked)
            seen = (_batches[batch].Low.Stamp, 2, 0);
        if (Array.BinarySearch(_starts, range.StartOffset) is var start and >= 0 && _truncations[start].Low.Stamp >= seen.Invoked)
            seen = (_truncations[start].Low.Stamp, 2, 0);
        return seen;
    }

    private IEnumerable<Event> Events() => [.. _batches, .. _truncations, .. _order.Select(edge => edge.Earlier)];

    private static string Contradiction(Event impossible) =>
        $"no order of the calls explains what they saw: {impossible.What} by the end of\n    {impossible.High.By}\n"
        + $"  (calls {impossible.High.By!.Invoked} to {impossible.High.By.Returned}), yet that, or what it presupposes, was not so at the "
        + $"beginning of\n    {impossible.Low.By}\n"
        + $"  (calls {impossible.Low.By!.Invoked} to {impossible.Low.By.Returned})";

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
        TruncationPast(offset)?.NotBefore(operation.Invoked, operation);
        return PlacePresence(operation, offset);
    }

    /// <summary>Uses that an offset was not in the range: it was past the end, or it had been truncated.</summary>
    private string? PlaceMiss(Operation operation, LogRange range)
    {
        var offset = operation.Offset!.Value;
        if (range.Contains(offset))
            return $"a read failed although the range that it reports contains the offset:\n    {operation}";
        if (offset >= range.NextOffset)
            return PlaceAbsence(operation, offset) ?? PlaceRange(operation, range);
        TruncationPast(offset)?.NotAfter(operation.Returned, operation);
        return PlaceRange(operation, range);
    }

    private string? PlacePresence(Operation operation, ulong offset)
    {
        var j = IndexOf(offset);
        if (j < 0)
            return $"an offset was there, but is not in the log:\n    {operation}";
        _batches[j].NotAfter(operation.Returned, operation);
        return null;
    }

    private string? PlaceAbsence(Operation operation, ulong offset)
    {
        if (IndexOf(offset) is var j and >= 0)
            _batches[j].NotBefore(operation.Invoked, operation);
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

    /// <summary>Uses an observed range, whose two ends were true at one instant.</summary>
    private string? PlaceRange(Operation operation, LogRange range)
    {
        if (_starts.Length == 0 || PlaceNext(operation, range.NextOffset) is not null)
            return PlaceNext(operation, range.NextOffset);
        var k = Array.BinarySearch(_starts, range.StartOffset);
        if (k < 0 && range.StartOffset > 0)
            return $"a start of {range.StartOffset} was seen, but nobody truncated to it:\n    {operation}";
        var seen = new Event($"the range {range} was true");
        seen.NotBefore(operation.Invoked, operation);
        seen.NotAfter(operation.Returned, operation);
        if (k >= 0)
            _order.Add((_truncations[k], seen, false));
        if (range.NextOffset > 0 && IndexOf(range.NextOffset - 1) is var last and >= 0)
            _order.Add((_batches[last], seen, false));
        if (TruncationPast(range.StartOffset) is { } later)
            _order.Add((seen, later, true));
        if (IndexOf(range.NextOffset) is var next and >= 0)
            _order.Add((seen, _batches[next], true));
        return null;
    }

    /// <summary>The event that the start passed an offset; null if it never does.</summary>
    private Event? TruncationPast(ulong offset)
    {
        var k = Array.BinarySearch(_starts, offset);
        k = k >= 0 ? k + 1 : ~k;
        return k < _truncations.Length ? _truncations[k] : null;
    }

    /// <summary>The truncations that took effect, or may have.</summary>
    private IEnumerable<Operation> Truncations() => _history.Where(operation =>
        operation.Kind is OperationKind.Truncate && operation.Failure is not (ArgumentException or OffsetOutOfRangeException));

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
        var index = _entries.AsSpan().BinarySearch(new At(offset));
        return index >= 0 ? index : -1;
    }

    private readonly struct At(ulong offset) : IComparable<LogEntry>
    {
        public int CompareTo(LogEntry entry) => offset < entry.First ? -1 : offset >= entry.Next ? 1 : 0;
    }

    /// <summary>A stamp, and the call that it comes from. The step orders events that are bound to the same stamp.</summary>
    private readonly record struct Bound(long Stamp, Operation? By, int Step = 0)
    {
        public bool IsAfter(Bound other) => Stamp > other.Stamp || (Stamp == other.Stamp && Step > other.Step);
    }

    /// <summary>Something that happened at one instant, which is not known exactly.</summary>
    private sealed class Event(string what)
    {
        public string What => what;

        public Bound Low { get; private set; }

        public Bound High { get; private set; } = new(Operation.Never, null);

        public bool IsImpossible => Low.Stamp > High.Stamp;

        public void NotAfter(long stamp, Operation by)
        {
            if (stamp < High.Stamp)
                High = new Bound(stamp, by);
        }

        public void NotBefore(long stamp, Operation by) => Raise(new Bound(stamp, by));

        /// <returns>Whether that changed anything.</returns>
        public bool NotBefore(Event earlier, bool isStrict) =>
            Raise(earlier.Low with { Step = earlier.Low.Step + (isStrict ? 1 : 0) });

        private bool Raise(Bound bound)
        {
            if (!bound.IsAfter(Low))
                return false;
            Low = bound;
            return true;
        }
    }
}
