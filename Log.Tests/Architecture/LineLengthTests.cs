using System.Globalization;
using System.Text.RegularExpressions;
using LogKit.Tests.Support;

namespace LogKit.Tests.Architecture;

/// <summary>No line is longer than <c>.editorconfig</c> allows. <c>dotnet format</c> does not check this.</summary>
public sealed partial class LineLengthTests
{
    private static readonly string[] Extensions =
        [".cs", ".md", ".proto", ".csproj", ".props", ".targets", ".py", ".yaml", ".service", ".conf", ".sql", ""];

    [Fact]
    public void No_line_is_too_long_except_tables_and_addresses()
    {
        var limit = int.Parse(LineLimit().Match(Repository.Read(".editorconfig")).Groups["limit"].Value, CultureInfo.InvariantCulture);
        var lines = Files().SelectMany(file => LongLines(file, limit)).ToList();
        Assert.True(lines.Count == 0, string.Join('\n', lines));
    }

    private static IEnumerable<string> LongLines(string file, int limit)
    {
        var isPage = file.EndsWith(".md", StringComparison.Ordinal);
        var isCode = false;
        var number = 0;
        foreach (var line in File.ReadLines(file))
        {
            number++;
            isCode ^= isPage && line.StartsWith("```", StringComparison.Ordinal);
            var mayBeLong =
                line.Contains("://", StringComparison.Ordinal) || (isPage && (isCode || line.StartsWith('|') || line.StartsWith('!')));
            if (line.Length > limit && !mayBeLong)
                yield return $"{Path.GetRelativePath(Repository.Root, file)}:{number}: {line.Length} columns";
        }
    }

    private static IEnumerable<string> Files() => Directory
        .EnumerateFiles(Repository.Root, "*", SearchOption.AllDirectories)
        .Where(file => Extensions.Contains(Path.GetExtension(file)) && !NotOurs().IsMatch(Path.GetRelativePath(Repository.Root, file)));

    [GeneratedRegex(
        @"^max_line_length = (?<limit>\d+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex LineLimit();

    // Build output, binary files, and developers' own files.
    [GeneratedRegex(
        @"(^|/)(\.git|\.vs|\.idea|bin|obj|golden|data)/|^LICENSE$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex NotOurs();
}
