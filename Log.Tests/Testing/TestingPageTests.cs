using System.Text.RegularExpressions;
using LogKit.Tests.Support;

namespace LogKit.Tests.Testing;

/// <summary>The examples of docs/testing.md are the files of the folder Examples, which are compiled and run.</summary>
public sealed partial class TestingPageTests
{
    [Fact]
    public void The_files_that_the_page_shows_are_the_files_that_run()
    {
        var shown = Files().Matches(Repository.Read("docs/testing.md")).ToDictionary(
            file => file.Groups["name"].Value, file => file.Groups["code"].Value);
        Assert.Equal(["Guestbook.cs", "InvoiceReader.cs", "Orders.cs"], shown.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, code) in shown)
            Assert.Equal(Repository.Read($"Log.Tests/Testing/Examples/{name}").ReplaceLineEndings("\n"), code.ReplaceLineEndings("\n"));
    }

    [GeneratedRegex(
        @"^```csharp\n(?<code>// (?<name>\w+\.cs)\n.*?)^```",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Files();
}
