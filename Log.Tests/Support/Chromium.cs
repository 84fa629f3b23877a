using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LogKit.Tests.Support;

/// <summary>Debian's browser, without a window: takes screenshots of a page, and measures where its parts are.</summary>
internal static partial class Chromium
{
    private const string Program = "/usr/bin/chromium";

    // In a copy of the page, this notes the box of the first element for each selector.
    private const string Measure = """
        <script>
        const boxes = {};
        for (const selector of SELECTORS) {
            const box = document.querySelector(selector)?.getBoundingClientRect();
            if (box) boxes[selector] = [box.left, box.right, box.height];
        }
        document.body.innerHTML = `<pre id="boxes">${JSON.stringify(boxes)}</pre>`;
        </script>
        """;

    /// <summary>Why pages cannot be looked at on this machine; null if they can.</summary>
    public static string? ReasonToSkip => File.Exists(Program) ? null : $"there is no {Program}: install Debian's package chromium";

    /// <summary>
    /// Takes a screenshot of a page in a window at least 500 pixels wide, and returns where the first element for each selector is, in
    /// pixels.
    /// </summary>
    public static async Task<Dictionary<string, (double Left, double Right, double Height)>> RenderAsync(
        string page, int width, string screenshot, string profile, params string[] selectors)
    {
        var html = await File.ReadAllTextAsync(page);
        var measured = $"{page}.measured.html";
        var script = Measure.Replace("SELECTORS", JsonSerializer.Serialize(selectors), StringComparison.Ordinal);
        await File.WriteAllTextAsync(measured, html.Replace("</body>", $"{script}</body>", StringComparison.Ordinal));
        await RunAsync(profile, width, $"--screenshot={screenshot}", page);
        var boxes = Boxes().Match(await RunAsync(profile, width, "--dump-dom", measured));
        Assert.True(boxes.Success, "Chromium did not run the script that measures the page");
        return JsonSerializer.Deserialize<Dictionary<string, double[]>>(boxes.Groups["boxes"].Value)!
            .ToDictionary(box => box.Key, box => (box.Value[0], box.Value[1], box.Value[2]));
    }

    private static async Task<string> RunAsync(string profile, int width, string action, string page)
    {
        var start = new ProcessStartInfo(
            Program,
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", $"--user-data-dir={profile}",
                string.Create(CultureInfo.InvariantCulture, $"--window-size={width},1000"), action, new Uri(page).AbsoluteUri,
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().Within("Chromium to render the page");
        Assert.True(process.ExitCode == 0, $"Chromium failed: {await errors}");
        return await output;
    }

    [GeneratedRegex("<pre id=\"boxes\">(?<boxes>.*?)</pre>", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Boxes();
}
