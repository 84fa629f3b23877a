using System.Reflection;
using System.Text.RegularExpressions;
using LogKit.Conformance;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance;

/// <summary>The rules in the code are those in the catalog, and each test names its rule.</summary>
public sealed partial class CatalogTests
{
    private static readonly string Document = Repository.Read("Log.Conformance/RULES.md");

    private static IEnumerable<(MethodInfo Method, RuleAttribute Rule)> Rules =>
        from method in typeof(InMemoryLogConformance).GetMethods()
        let rule = method.GetCustomAttribute<RuleAttribute>()
        where rule is not null
        select (method, rule);

    [Fact]
    public void The_ids_in_the_code_are_the_ids_in_the_document()
    {
        var documented = Rows().Select(row => row.Groups["id"].Value).ToList();
        Assert.Equal(documented.Distinct(), documented);
        Assert.Equal(documented.Order(StringComparer.Ordinal), Rules.Select(rule => rule.Rule.Id).Distinct().Order(StringComparer.Ordinal));
        Assert.True(documented.Count >= 60, $"the document has {documented.Count} rules only");
    }

    [Fact]
    public void The_capabilities_in_the_code_are_the_capabilities_in_the_document()
    {
        foreach (Match row in Rows())
        {
            var needs = Rules.Where(rule => rule.Rule.Id == row.Groups["id"].Value).Select(rule => rule.Rule.Needs).ToList();
            var text = needs.Max() is LogCapabilities.None ? "" : string.Join(", ", Names(needs.Max()));
            Assert.Equal(needs.Min() == needs.Max() ? text : $"also {text}", row.Groups["needs"].Value.Trim());
        }
    }

    [Fact]
    public void The_name_of_a_rule_begins_with_its_id_and_goes_on_as_a_sentence()
    {
        foreach (var (method, rule) in Rules)
            Assert.Matches($"^{rule.Id.Replace('-', '_')}(_[a-z0-9]+){{3,}}$", method.Name);
    }

    [Fact]
    public void Every_rule_says_why_it_exists_and_what_breaks_without_it()
    {
        foreach (Match row in Rows())
        {
            foreach (var cell in (string[])["rule", "why", "breaks"])
                Assert.True(row.Groups[cell].Value.Trim().Length >= 10, $"{row.Groups["id"].Value} says too little: {row.Value}");
        }
    }

    [Fact]
    public void The_suite_depends_on_xunits_extensibility_alone()
    {
        var references = typeof(RuleAttribute).Assembly.GetReferencedAssemblies().Select(name => name.Name!);
        Assert.All(references, name =>
            Assert.True(
                name.StartsWith("System.", StringComparison.Ordinal)
                    || name is "LogKit.Abstractions" or "xunit.core" or "xunit.abstractions" or "xunit.execution.dotnet",
                $"LogKit.Conformance depends on {name}"));
    }

    private static MatchCollection Rows() => Row().Matches(Document);

    // In the order in which the document names them.
    private static IEnumerable<string> Names(LogCapabilities capabilities)
    {
        LogCapabilities[] order =
        [
            LogCapabilities.Truncate, LogCapabilities.Reopen, LogCapabilities.Crash, LogCapabilities.Damage, LogCapabilities.Faults,
            LogCapabilities.SeededStart, LogCapabilities.Limits, LogCapabilities.SecondClient,
        ];
        return order.Where(capability => capabilities.HasFlag(capability)).Select(capability => capability.ToString());
    }

    [GeneratedRegex(
        @"^\| (?<id>[A-Z]+-\d\d) \| (?<rule>[^|]*)\|(?<needs>[^|]*)\| (?<why>[^|]*)\| (?<breaks>[^|]*)\|$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Row();
}
