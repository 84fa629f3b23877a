using System.Text.RegularExpressions;
using LogKit.Conformance;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance;

/// <summary>The rules in the code are those in the catalog. <c>LOGKIT_ACCEPT=1</c> writes the tables of RULES.md from the code.</summary>
public sealed partial class CatalogTests
{
    private const string Path = "Log.Conformance/RULES.md";

    private static readonly List<LogRule> All = [.. LogRules.All, .. LogStoreRules.All];

    [Fact]
    public void The_tables_of_the_document_are_the_rules_in_the_code()
    {
        var document = Repository.Read(Path).ReplaceLineEndings("\n");
        var expected = Tables().Replace(document, _ => $"<!-- rules -->\n\n{Catalog(LogRules.All)}\n<!-- end of rules -->");
        expected = StoreTables().Replace(
            expected, _ => $"<!-- rules for stores -->\n\n{Catalog(LogStoreRules.All)}\n<!-- end of rules for stores -->");
        if (Environment.GetEnvironmentVariable("LOGKIT_ACCEPT") == "1")
            File.WriteAllText(Repository.PathOf(Path), expected);
        else
            Assert.True(document == expected, $"{Path} does not list the rules in the code: write it with LOGKIT_ACCEPT=1 dotnet test");
    }

    [Fact]
    public void Ids_are_unique_and_belong_to_one_chapter()
    {
        Assert.Equal(All.Select(rule => rule.Id).Distinct(), All.Select(rule => rule.Id));
        foreach (var rulesOfPrefix in All.GroupBy(rule => rule.Id.Split('-')[0]))
            Assert.Single(rulesOfPrefix.Select(rule => rule.Chapter).Distinct());
        Assert.True(LogRules.All.Count >= 70, $"there are {LogRules.All.Count} rules only");
        Assert.True(LogStoreRules.All.Count >= 25, $"there are {LogStoreRules.All.Count} rules for stores only");
    }

    [Fact]
    public void The_name_of_a_rule_begins_with_its_id_and_continues_as_a_sentence()
    {
        foreach (var rule in All)
            Assert.Matches($"^{rule.Id.Replace('-', '_')}(_[a-z0-9]+){{3,}}$", rule.Method);
    }

    [Fact]
    public void Every_rule_says_what_it_requires_why_and_what_breaks_without_it()
    {
        foreach (var rule in All)
        {
            foreach (var sentence in (string[])[rule.Statement, rule.Why, rule.Without])
                Assert.True(sentence.Length >= 10 && sentence.EndsWith('.') && !sentence.Contains('|'), $"{rule.Id}: '{sentence}'");
        }
    }

    [Fact]
    public void The_rules_depend_on_no_test_framework()
    {
        var references = typeof(LogRules).Assembly.GetReferencedAssemblies().Select(name => name.Name!);
        Assert.All(references, name =>
            Assert.True(name.StartsWith("System.", StringComparison.Ordinal) || name is "LogKit.Abstractions", $"they depend on {name}"));
    }

    private static string Catalog(IEnumerable<LogRule> rules) => string.Join(
        '\n',
        rules.GroupBy(rule => rule.Chapter).Select(chapter =>
            $"## {chapter.Key}\n\n| id | rule | needs | why it exists | what breaks without it |\n|---|---|---|---|---|\n"
            + string.Concat(chapter.Select(rule => $"| {rule.Id} | {rule.Statement} |{Needs(rule)}| {rule.Why} | {rule.Without} |\n"))));

    private static string Needs(LogRule rule) => rule.Needs is LogCapabilities.None ? " " : $" {rule.Needs} ";

    [GeneratedRegex(
        "<!-- rules -->.*<!-- end of rules -->", RegexOptions.Singleline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Tables();

    [GeneratedRegex(
        "<!-- rules for stores -->.*<!-- end of rules for stores -->", RegexOptions.Singleline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex StoreTables();
}
