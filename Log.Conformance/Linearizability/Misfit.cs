using LogKit.Conformance.Running;

namespace LogKit.Conformance.Linearizability;

/// <summary>Where a history stops being linearizable.</summary>
/// <param name="Order">The longest order of calls that explains what they saw: that of all calls that had ended before the misfit.</param>
/// <param name="Operation">The first call, by its end, that fits nowhere; null if the content of the log itself is wrong.</param>
internal sealed record Misfit(IReadOnlyList<Operation> Order, Operation? Operation)
{
    /// <summary>Finds the first call, by its end, with which a history that has no explanation has none.</summary>
    public static Misfit Of(IReadOnlyList<Operation> history, IReadOnlyList<LogEntry> content)
    {
        var ends = history
            .Where(operation => operation.Returned != Operation.Never)
            .Select(operation => operation.Returned)
            .Order()
            .ToList();

        // What ended later can only add constraints, so there is one boundary.
        var (explained, unexplained) = (-1, ends.Count);
        while (unexplained - explained > 1)
        {
            var middle = (explained + unexplained) / 2;
            if (HistoryCheck.Explain(Until(ends[middle]), content) is null)
                explained = middle;
            else
                unexplained = middle;
        }

        var order = explained < 0 ? [] : HistoryCheck.OrderOf(Until(ends[explained]), content) ?? [];
        var originals = history.ToDictionary(operation => operation.Invoked);
        return new Misfit(
            [.. order.Select(operation => originals[operation.Invoked])],
            unexplained == ends.Count || explained < 0 ? null : history.First(operation => operation.Returned == ends[unexplained]));

        // As if nothing had ended later. What began later stays, because the content is that of the end.
        List<Operation> Until(long end) => [.. history.Select(operation => operation.AsOf(end))];
    }
}
