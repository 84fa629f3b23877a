using System.Text.RegularExpressions;

namespace LogKit.Tests.Support;

/// <summary>The files that a page shows: C# blocks whose first line is a comment with the name of the file.</summary>
internal static partial class ShownFiles
{
    /// <summary>Asserts that a page shows these files of a folder, and shows them as they are.</summary>
    public static void AssertAreIn(string folder, string page, params string[] names)
    {
        var shown = Files().Matches(page).ToDictionary(file => file.Groups["name"].Value, file => file.Groups["code"].Value);
        Assert.Equal(names, shown.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, code) in shown)
            Assert.Equal(Repository.Read($"{folder}/{name}").ReplaceLineEndings("\n"), code.ReplaceLineEndings("\n"));
    }

    [GeneratedRegex(
        @"^```csharp\n(?<code>// (?<name>\w+\.cs)\n.*?)^```",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Files();
}
