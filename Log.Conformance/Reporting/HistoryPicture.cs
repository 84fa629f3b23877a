using System.Globalization;
using System.Net;
using System.Text;
using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Reporting;

/// <summary>
/// Draws a history as SVG: one lane per client, split where its calls overlap, and one bar per call, from its beginning to its end. Bars
/// show the place of the call in the longest order that explains what the calls saw. The call that fits nowhere stands out.
/// </summary>
internal sealed class HistoryPicture
{
    private const int ShownCalls = 60;
    private const int StampWidth = 36;
    private const int RowHeight = 26;
    private const int BarHeight = 18;
    private const int Margin = 84;

    private readonly List<Operation> _shown;
    private readonly Misfit _misfit;
    private readonly long _start;
    private readonly long _end;

    private HistoryPicture(IReadOnlyList<Operation> history, Misfit misfit)
    {
        _misfit = misfit;
        var calls = history.Where(operation => !operation.IsLifetime).ToList();
        var last = misfit.Operation is { } operation ? calls.IndexOf(operation) + 10 : calls.Count; // some that began after it
        _shown = [.. calls.Take(last).TakeLast(ShownCalls)];
        _start = _shown.Min(call => call.Invoked);
        _end = Math.Max(_shown.Max(call => call.Invoked), _shown.Max(call => call.Returned == Operation.Never ? 0 : call.Returned)) + 1;
    }

    /// <summary>Draws a history; null if it has no calls.</summary>
    public static string? Of(IReadOnlyList<Operation> history, Misfit misfit) =>
        history.Any(operation => !operation.IsLifetime) ? new HistoryPicture(history, misfit).Draw() : null;

    private string Draw()
    {
        var places = _misfit.Order.Select((call, index) => (call, index)).ToDictionary(pair => pair.call, pair => pair.index + 1);
        var (bars, labels, row) = (new StringBuilder(), new StringBuilder(), 0);
        foreach (var client in _shown.GroupBy(LaneOf).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            labels.Append(
                CultureInfo.InvariantCulture, $"<text class=\"lane\" x=\"8\" y=\"{(row * RowHeight) + 18}\">{client.Key}</text>\n");
            var ends = new List<long>(); // of the last bar in each row of the lane
            foreach (var call in client)
            {
                var free = ends.FindIndex(end => end < call.Invoked);
                if (free < 0)
                    (free, ends) = (ends.Count, [.. ends, 0]);
                ends[free] = call.Returned;
                Bar(bars, call, row + free, places.GetValueOrDefault(call));
            }

            row += ends.Count;
            var below = row * RowHeight;
            bars.Append(
                CultureInfo.InvariantCulture, $"<line class=\"rule\" x1=\"0\" x2=\"100%\" y1=\"{below}\" y2=\"{below}\"/>\n");
        }

        var (width, height) = (Margin + ((_end - _start + 1) * StampWidth), row * RowHeight);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"<svg class=\"history\" role=\"img\" aria-label=\"history\" width=\"{width}\" height=\"{height}\" "
                + $"viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\">\n{labels}{bars}</svg>\n");
    }

    private void Bar(StringBuilder bars, Operation call, int row, int place)
    {
        var kind = call == _misfit.Operation ? "misfit" : call switch
        {
            { Kind: OperationKind.Append } => "append",
            { Kind: OperationKind.Truncate } => "truncate",
            { IsEvent: true } => "event",
            _ => "read",
        };
        var isOpen = call.Returned == Operation.Never || call.Returned > _end;
        var x = Margin + ((call.Invoked - _start) * StampWidth);
        var width = (((isOpen ? _end : call.Returned) - call.Invoked) * StampWidth) + (StampWidth * 3 / 4); // short of the next stamp
        var text = $"{(place > 0 ? $"{place}. " : "")}{Short(call)}";
        bars.Append(
            CultureInfo.InvariantCulture,
            $"<g class=\"{kind}{(call.Succeeded || kind is "event" ? "" : " failed")}{(isOpen ? " open" : "")}\">"
                + $"<title>{WebUtility.HtmlEncode($"{call}")}</title>"
                + $"<rect x=\"{x}\" y=\"{(row * RowHeight) + 4}\" width=\"{width}\" height=\"{BarHeight}\" rx=\"3\"/>"
                + $"<svg x=\"{x}\" y=\"{(row * RowHeight) + 4}\" width=\"{width}\" height=\"{BarHeight}\">"
                + $"<text x=\"4\" y=\"13\">{WebUtility.HtmlEncode(text)}</text></svg></g>\n");
    }

    private static string LaneOf(Operation call) => call.IsEvent ? "harness" : $"client {call.Client + 1}";

    /// <summary>A few characters, which fit in a bar. Its title has the whole call.</summary>
    private static string Short(Operation call) => call switch
    {
        { Kind: OperationKind.Append, Result: ulong first } => $"+{call.Batch!.Count} at {first}",
        { Kind: OperationKind.Append } => $"+{call.Batch!.Count} {Failure(call)}",
        { Kind: OperationKind.Range, Result: LogRange range } => $"{range}",
        { Kind: OperationKind.Read or OperationKind.ReadBatches } => $"r {call.Offset} {Failure(call)}",
        { Kind: OperationKind.Wait } => $"w {call.Offset} {Failure(call)}",
        { Kind: OperationKind.Truncate } => $"t {call.Offset} {Failure(call)}",
        _ => $"{call.Kind}".ToLowerInvariant(),
    };

    private static string Failure(Operation call) => call switch
    {
        { IsCanceled: true } => "canceled",
        { Failure: OffsetMismatchException exception } => $"≠ {exception.NextOffset}",
        { Failure: OffsetOutOfRangeException exception } => $"∉ {exception.Range}",
        { Failure: AppendOutcomeUnknownException } => "?",
        { Failure: { } } => "✗",
        _ => "",
    };
}
