using System.Globalization;
using System.Net;
using System.Text;

namespace LogKit.Benchmarks.Results;

/// <summary>Draws the rows of a table as bars in plain SVG: each measurement, and below it the one that it is compared with.</summary>
internal static class Chart
{
    private const int Width = 1000;
    private const int TextWidth = 510;
    private const int RowHeight = 48;
    private const int BarHeight = 13;

    public static string Draw(IReadOnlyList<Row> rows)
    {
        var drawn = rows.Where(row => row.Against != default).ToList();
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {(drawn.Count * RowHeight) + 10}"
                font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>

            """);
        for (var i = 0; i < drawn.Count; i++)
        {
            var row = drawn[i];
            var top = (i * RowHeight) + 10;
            var longest = Math.Max(row.Measured.Value, row.Against.Value);
            Bar(svg, top, row.What, row.Measured, longest, "#1f6feb");
            Bar(svg, top + BarHeight + 5, row.Peer, row.Against, longest, "#b0b7c0");
        }

        return svg.Append("</svg>\n").ToString();
    }

    // The two bars of a row share a scale. Different rows do not, because their units differ.
    private static void Bar(StringBuilder svg, int top, string name, Figure figure, double longest, string color)
    {
        const int Room = Width - TextWidth - 120;
        var width = Math.Max(1, figure.Value / longest * Room);
        svg.Append(CultureInfo.InvariantCulture, $"""
            <text x="{TextWidth - 8}" y="{top + 11}" text-anchor="end">{WebUtility.HtmlEncode(name)}</text>
            <rect x="{TextWidth}" y="{top}" width="{width:0}" height="{BarHeight}" fill="{color}"/>
            <text x="{TextWidth + width + 6:0}" y="{top + 11}">{WebUtility.HtmlEncode(figure.ToString())}</text>

            """);
    }
}
