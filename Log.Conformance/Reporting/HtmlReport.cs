using System.Globalization;
using System.Net;
using System.Text;
using LogKit.Conformance.Linearizability;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Reporting;

/// <summary>The report for people: one file, without scripts, that needs no network and follows the color scheme of the reader.</summary>
internal static class HtmlReport
{
    private const int ShownOrder = 40;

    private const string Style = """
        :root { color-scheme: light dark; --text: #1f2328; --muted: #59636e; --line: #d1d9e0; --page: #fff; --panel: #f6f8fa;
          --passed: #1a7f37; --failed: #cf222e; --deviates: #9a6700; --append: #b6e3ff; --read: #e4e9ee; --truncate: #eac3ff;
          --event: #ffd8a8; --misfit: #ffb3b3; --bar: #1f2328; }
        @media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --muted: #9198a1; --line: #3d444d; --page: #0d1117; --panel: #151b23;
          --passed: #3fb950; --failed: #f85149; --deviates: #d29922; --append: #0c4a7a; --read: #2f3742; --truncate: #56307a;
          --event: #7a4a10; --misfit: #8e1519; --bar: #e6edf3; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; padding: 1.5rem; max-width: 76rem; font: 15px/1.5 system-ui, sans-serif; color: var(--text);
          background: var(--page); }
        h1 { margin: 0; } h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); } h3 { margin: 1.5rem 0 .5rem; }
        p { margin: .25rem 0; } .muted { color: var(--muted); }
        table { border-collapse: collapse; width: 100%; } th, td { padding: .3rem .6rem; text-align: left; vertical-align: top;
          border-bottom: 1px solid var(--line); } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
        td.id { white-space: nowrap; width: 8rem; font-family: ui-monospace, monospace;
          font-size: 13px; } td.outcome { width: 6rem; }
        .scroll { overflow-x: auto; } .passed { color: var(--passed); } .failed { color: var(--failed); font-weight: 600; }
        .deviates { color: var(--deviates); } .skipped { color: var(--muted); }
        .failure { border: 1px solid var(--line); border-left: 4px solid var(--failed); border-radius: 6px; padding: .75rem 1rem;
          margin: 1rem 0; } .failure h3 { margin-top: 0; }
        pre { margin: .5rem 0; padding: .6rem .8rem; overflow-x: auto; background: var(--panel); border-radius: 6px; font-size: 13px; }
        pre.text { background: none; padding: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
        details { margin: .5rem 0; } summary { cursor: pointer; }
        .picture { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
        svg.history { display: block; background: var(--panel); font: 11px ui-monospace, monospace; }
        svg text { fill: var(--bar); } svg text.lane { font-weight: 600; } svg .rule { stroke: var(--line); }
        svg rect { stroke: var(--bar); stroke-opacity: .35; }
        svg .append rect { fill: var(--append); } svg .read rect { fill: var(--read); } svg .truncate rect { fill: var(--truncate); }
        svg .event rect { fill: var(--event); }
        svg .misfit rect { fill: var(--misfit); stroke: var(--failed); stroke-opacity: 1; stroke-width: 2; }
        svg .failed rect { stroke-dasharray: 3 2; stroke-opacity: .8; } svg .open rect { fill-opacity: .5; }
        @media (max-width: 40rem) { body { padding: .75rem; } td, th { padding: .25rem .35rem; } .wide { display: none; } }
        """;

    public static string Of(ReportContent content)
    {
        var html = new StringBuilder();
        var failed = content.Harnesses.Sum(harness => harness.Count(RuleOutcome.Failed));
        Add(html, $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Conformance report: {(failed == 0 ? "no rule failed" : $"{failed} failed")}</title>
            <style>
            {Style}
            </style>
            </head>
            <body>
            <h1>Conformance report</h1>
            <p class="muted">{Text(content.Kit)}, {content.Created.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)} UTC.
            {Text(content.Machine)}. {Text(content.Settings)}</p>
            """);
        Summary(html, content);
        foreach (var harness in content.Harnesses)
            Harness(html, harness);
        Add(html, "</body>\n</html>");
        return html.ToString();
    }

    private static void Summary(StringBuilder html, ReportContent content)
    {
        Add(html, """
            <div class="scroll"><table class="summary">
            <tr><th>harness</th><th class="number">passed</th><th class="number">failed</th><th class="number">deviates</th>
            <th class="number">skipped</th><th class="wide">capabilities</th></tr>
            """);
        foreach (var harness in content.Harnesses)
        {
            Add(html, $"<tr><td><a href=\"#{Text(harness.Name)}\">{Text(harness.Name)}</a></td>{Count(RuleOutcome.Passed)}"
                + $"{Count(RuleOutcome.Failed)}{Count(RuleOutcome.KnownDeviation)}{Count(RuleOutcome.Skipped)}"
                + $"<td class=\"wide\">{harness.Capabilities}</td></tr>");

            string Count(RuleOutcome outcome) => harness.Count(outcome) is > 0 and var count
                ? $"<td class=\"number {FailureText.Name(outcome)}\">{count}</td>" : "<td class=\"number muted\">0</td>";
        }

        Add(html, "</table></div>");
    }

    private static void Harness(StringBuilder html, HarnessReport harness)
    {
        Add(html, $"<h2 id=\"{Text(harness.Name)}\">{Text(harness.Name)}</h2>\n<p class=\"muted\">{Text(harness.Assembly)}; capabilities: "
            + $"{harness.Capabilities}</p>");
        foreach (var (cause, rules) in harness.SharedCauses)
            Add(html, $"<p class=\"cause\">Probably one mistake: {rules} <span class=\"muted\">({Text(cause)})</span></p>");
        foreach (var failure in harness.With(RuleOutcome.Failed))
            Failure(html, harness, failure);
        if (harness.Count(RuleOutcome.KnownDeviation) > 0)
            Add(html, "<h3>Known deviations</h3>");
        foreach (var result in harness.With(RuleOutcome.KnownDeviation))
        {
            var link = result.Deviation!.Link is { } uri ? $" <a href=\"{Text($"{uri}")}\">{Text($"{uri}")}</a>" : "";
            Add(html, $"<p><b>{result.Rule.Id}</b> {Code(result.Rule.Statement)} <span class=\"deviates\">"
                + $"{Text(result.Deviation.Reason)}</span>{link}</p>");
        }

        foreach (var chapter in harness.Results.GroupBy(result => result.Rule.Chapter))
        {
            Add(html, $"<h3>{chapter.Key}</h3>\n<div class=\"scroll\"><table class=\"rules\">");
            foreach (var result in chapter)
                Rule(html, result);
            Add(html, "</table></div>");
        }
    }

    private static void Rule(StringBuilder html, RuleResult result)
    {
        var name = FailureText.Name(result.Outcome);
        var reason = result.Outcome is RuleOutcome.Skipped ? $" <span class=\"muted\">({Text(result.Message!)})</span>" : "";
        var seconds = result.Outcome is RuleOutcome.Skipped
            ? "" : string.Create(CultureInfo.InvariantCulture, $"{result.Duration.TotalSeconds:0.00} s");
        Add(html, $"<tr><td class=\"id\">{result.Rule.Id}</td><td class=\"outcome {name}\">{name}</td>"
            + $"<td>{Code(result.Rule.Statement)}{reason}</td><td class=\"number wide\">{seconds}</td></tr>");
    }

    private static void Failure(StringBuilder html, HarnessReport harness, RuleResult failure)
    {
        Add(html, $"<section class=\"failure\">\n<h3>{failure.Rule.Id} <span class=\"failed\">failed</span></h3>\n"
            + $"<p>{Code(failure.Rule.Statement)}</p>\n<p class=\"muted\">Without it: {Code(failure.Rule.Without)}</p>");
        foreach (var (part, isProgram) in FailureText.Parts(failure.Message!))
            Add(html, isProgram ? $"<pre class=\"program\"><code>{Text(part)}</code></pre>" : $"<pre class=\"text\">{Text(part)}</pre>");
        if (failure.Violation is { Misfit: { } misfit, History: var history })
            History(html, history, misfit);
        if (failure.Violation!.History.Count > 0)
        {
            var file = Text(harness.HistoryFileOf(failure));
            Add(html, $"<p class=\"muted\">All calls that were kept: <a href=\"{file}\">{file}</a></p>");
        }

        Add(html, "</section>");
    }

    private static void History(StringBuilder html, IReadOnlyList<Operation> history, Misfit misfit)
    {
        if (HistoryPicture.Of(history, misfit) is not { } picture)
            return;
        var meaning = misfit.Operation is { } operation
            ? $"The {misfit.Order.Count} calls that had ended before have an order that explains what they saw, which the numbers show. "
                + $"This call fits nowhere in it: <code>{Text($"{operation}")}</code>"
            : "The content of the log cannot come from these calls, whatever their order.";
        Add(html, $"<p>{meaning}</p>\n<div class=\"picture\">\n{picture}</div>");
        Add(html, "<p class=\"muted\">Each bar is a call, from its beginning to its end: <i>+2 at 5</i> appends two records at offset 5, "
            + "<i>r</i> reads, <i>w</i> waits, <i>t</i> truncates, <i>[a, b)</i> is a range. Failed calls are dashed. The red call fits "
            + "nowhere. Point at a bar for the whole call.</p>");
        if (misfit.Order.Count == 0)
            return;
        var skipped = Math.Max(0, misfit.Order.Count - ShownOrder);
        Add(html, $"<details><summary>The order</summary>\n<ol start=\"{skipped + 1}\">");
        foreach (var call in misfit.Order.Skip(skipped))
            Add(html, $"<li><code>{Text($"{call}")}</code></li>");
        Add(html, "</ol></details>");
    }

    /// <summary>A sentence in which backquotes mark code.</summary>
    private static string Code(string sentence) =>
        string.Concat(Text(sentence).Split('`').Select((part, index) => index % 2 == 1 ? $"<code>{part}</code>" : part));

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private static void Add(StringBuilder html, string text) => html.Append(text).Append('\n');
}
