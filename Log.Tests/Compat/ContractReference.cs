// One thing that an assembly needs of another: a type, or a member of it with its whole signature as text.
namespace LogKit.Tests.Compat;

/// <param name="Assembly">The simple name of the assembly that must have it.</param>
/// <param name="Type">Namespace.Outer+Inner`arity.</param>
/// <param name="Member">A line such as <c>instance method Void Add`0(String, String)</c>; null for the type itself.</param>
internal sealed record ContractReference(string Assembly, string Type, string? Member)
{
    public override string ToString() => $"  [{Assembly}] {Type}{(Member is null ? "" : "  " + Member)}";
}
