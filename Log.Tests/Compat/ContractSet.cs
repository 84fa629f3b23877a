// The assemblies that must offer what others refer to. A type that was moved counts where it is forwarded to.
namespace LogKit.Tests.Compat;

internal sealed class ContractSet(IEnumerable<string> assemblies) : IDisposable
{
    private readonly Dictionary<string, AssemblyFile> _files =
        assemblies.ToDictionary(name => name, AssemblyFile.Open, StringComparer.Ordinal);

    public void Dispose()
    {
        foreach (var file in _files.Values)
            file.Dispose();
    }

    /// <summary>True if the thing referred to exists, and assembly <paramref name="to"/> may use it.</summary>
    public bool Offers(ContractReference reference, string to)
    {
        if (Home(reference) is not { } home)
            return false;
        return reference.Member is null
            || home.MembersOf(reference.Type, to, onlyVirtual: false).Contains(reference.Member, StringComparer.Ordinal);
    }

    /// <summary>True if the method referred to exists and can be overridden from outside.</summary>
    public bool OffersVirtual(ContractReference reference) => Home(reference) is { } home
        && home.MembersOf(reference.Type, user: "", onlyVirtual: true).Contains(reference.Member, StringComparer.Ordinal);

    private AssemblyFile? Home(ContractReference reference)
    {
        var file = _files[reference.Assembly];
        if (file.Defines(reference.Type))
            return file;
        return file.ForwarderOf(reference.Type) is { } target && _files.TryGetValue(target, out var other) && other.Defines(reference.Type)
            ? other
            : null;
    }
}
