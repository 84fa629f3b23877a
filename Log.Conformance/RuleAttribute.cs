namespace LogKit.Conformance;

/// <summary>Marks a method as a rule: see <see cref="LogRule"/>, which has the same members.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RuleAttribute(string id, string statement) : Attribute
{
    public string Id { get; } = id;

    public string Statement { get; } = statement;

    public required string Why { get; init; }

    public required string Without { get; init; }

    public LogCapabilities Needs { get; init; }
}
