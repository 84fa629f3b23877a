using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Architecture;

/// <summary>The front page and the manual are short, their links work, and what they say about the code is true.</summary>
public sealed partial class PageTests
{
    private const int ReadmeLimitBytes = 8 * 1024;

    private static readonly string Root = Repository.Root;

    public static TheoryData<string> Pages =>
        [.. Directory.GetFiles(Path.Combine(Root, "docs"), "*.md").Select(page => Path.GetRelativePath(Root, page)).Append("README.md")];

    [Fact]
    public void The_front_page_fits_on_two_screens() =>
        Assert.InRange(new FileInfo(Path.Combine(Root, "README.md")).Length, 0, ReadmeLimitBytes);

    [Theory]
    [MemberData(nameof(Pages))]
    public void A_page_begins_with_its_audience(string page)
    {
        if (page is not "README.md")
            Assert.Matches(@"\A# [^\n]+\n\nFor ", Read(page));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_lead_to_files(string page)
    {
        var directory = Path.GetDirectoryName(Path.Combine(Root, page))!;
        foreach (Match link in Link().Matches(Read(page)))
        {
            var target = Path.Combine(directory, link.Groups["path"].Value);
            Assert.True(Path.Exists(target), $"{page} links to {link.Groups["path"].Value}");
            if (link.Groups["anchor"] is { Success: true, Value: var anchor })
                Assert.Contains(
                    anchor, Heading().Matches(File.ReadAllText(target)).Select(heading => AnchorOf(heading.Groups["text"].Value)));
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Paths_that_a_page_names_exist(string page) => Assert.All(
        NamedPath().Matches(Read(page)).Select(path => path.Groups["path"].Value),
        path => Assert.True(Path.Exists(Path.Combine(Root, path)), $"{page} names {path}"));

    [Fact]
    public void The_arrows_of_the_architecture_are_the_references_of_the_projects()
    {
        var shown = Arrow()
            .Matches(Read("docs/architecture.md"))
            .Select(arrow => (arrow.Groups["from"].Value, arrow.Groups["to"].Value))
            .ToList();
        var projects = shown.Select(arrow => arrow.Item1).Distinct(StringComparer.Ordinal).ToList();
        var references = projects.SelectMany(project =>
            XDocument
                .Load(Path.Combine(Root, project, $"{project}.csproj"))
                .Descendants("ProjectReference")
                .Select(reference => (project, Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value))));
        Assert.Equal(references.Order(), shown.Order());
    }

    [Fact]
    public void Every_error_has_a_row_and_every_row_has_an_error()
    {
        var reasons = typeof(ErrorReasons).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.Name is not (nameof(ErrorReasons.Domain) or nameof(ErrorReasons.TrailerName)))
            .Select(field => (string)field.GetRawConstantValue()!);
        var rows = ErrorRow().Matches(Read("docs/errors.md")).Select(row => row.Groups["reason"].Value);
        Assert.Equal(reasons.Order(StringComparer.Ordinal), rows.Order(StringComparer.Ordinal));
    }

    private static string Read(string page) => File.ReadAllText(Path.Combine(Root, page)).ReplaceLineEndings("\n");

    private static string AnchorOf(string heading) => NoAnchor().Replace(heading.ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex(
        @"\]\((?!https?:)(?<path>[^)#]+)(#(?<anchor>[^)]+))?\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (?<text>.+)$", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex NoAnchor();

    [GeneratedRegex(@"`(?<path>(Log\.\w+|proto|docs)/[\w./-]+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex NamedPath();

    [GeneratedRegex(
        @"^    (?<from>[\w.]+) --> (?<to>[\w.]+)$",
        RegexOptions.ExplicitCapture | RegexOptions.Multiline,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Arrow();

    [GeneratedRegex(
        @"^\| `(?<reason>[A-Z_]+)` \|", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ErrorRow();
}
