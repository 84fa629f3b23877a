// An assembly beside the tests, read as metadata: what it refers to in other assemblies, and what it defines itself.
// Nothing of it is loaded or run.
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace LogKit.Tests.Compat;

internal sealed class AssemblyFile : IDisposable
{
    private readonly PEReader _file;
    private readonly MetadataReader _reader;
    private readonly Dictionary<string, TypeDefinition> _types;

    private AssemblyFile(string name, PEReader file)
    {
        Name = name;
        _file = file;
        _reader = file.GetMetadataReader();
        _types = _reader.TypeDefinitions.Select(_reader.GetTypeDefinition)
            .ToDictionary(type => SignatureText.NameOf(_reader, type), StringComparer.Ordinal);
    }

    public string Name { get; }

    public static AssemblyFile Open(string name) =>
        new(name, new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, name + ".dll"))));

    public void Dispose() => _file.Dispose();

    /// <summary>All types of these assemblies, and all members of theirs, that this one refers to.</summary>
    public IReadOnlyCollection<ContractReference> ReferencesTo(IEnumerable<string> assemblies)
    {
        var types = _reader.TypeReferences.Select(TypeReferenceOf);
        var members = _reader.MemberReferences.Select(_reader.GetMemberReference)
            .Select(member => TypeReferenceOf(member.Parent) is { } type ? type with { Member = SignatureText.Of(_reader, member) } : null);
        return types.Select(type => (ContractReference?)type).Concat(members).OfType<ContractReference>()
            .Where(reference => assemblies.Contains(reference.Assembly, StringComparer.Ordinal)).ToHashSet();
    }

    /// <summary>All methods by which a type of this assembly overrides one of a base class that stands in these assemblies.</summary>
    public IReadOnlyCollection<ContractReference> OverridesOf(IEnumerable<string> assemblies)
    {
        string[] ofObject = [nameof(ToString), nameof(Equals), nameof(GetHashCode)];
        return _types.Values
            .Where(type => !type.BaseType.IsNil)
            .Select(type => (Type: type, Base: TypeReferenceOf(type.BaseType)))
            .Where(pair => pair.Base is not null && assemblies.Contains(pair.Base.Assembly, StringComparer.Ordinal))
            .SelectMany(pair => pair.Type.GetMethods().Select(_reader.GetMethodDefinition)
                .Where(method => (method.Attributes & (MethodAttributes.Virtual | MethodAttributes.NewSlot)) == MethodAttributes.Virtual)
                .Where(method => !ofObject.Contains(_reader.GetString(method.Name), StringComparer.Ordinal))
                .Select(method => pair.Base! with { Member = SignatureText.Of(_reader, method) }))
            .ToHashSet();
    }

    public bool Defines(string type) => _types.ContainsKey(type);

    /// <summary>The assembly to which this one forwards a type that it had once; null where it does not.</summary>
    public string? ForwarderOf(string type) => _reader.ExportedTypes.Select(_reader.GetExportedType)
        .Where(exported => exported.IsForwarder && exported.Implementation.Kind == HandleKind.AssemblyReference)
        .Where(exported => SignatureText.NameOf(_reader, exported).Equals(type, StringComparison.Ordinal))
        .Select(exported => _reader.GetString(_reader.GetAssemblyReference((AssemblyReferenceHandle)exported.Implementation).Name))
        .FirstOrDefault();

    /// <summary>The members of a type that another assembly may use, or only those that it may override.</summary>
    public IEnumerable<string> MembersOf(string type, string user, bool onlyVirtual)
    {
        var isFriend = Friends().Contains(user, StringComparer.Ordinal);
        var definition = _types[type];
        foreach (var method in definition.GetMethods().Select(_reader.GetMethodDefinition))
        {
            var access = method.Attributes & MethodAttributes.MemberAccessMask;
            if (IsOpen((int)access, isFriend) && (!onlyVirtual || method.Attributes.HasFlag(MethodAttributes.Virtual)))
                yield return SignatureText.Of(_reader, method);
        }

        foreach (var field in definition.GetFields().Select(_reader.GetFieldDefinition))
        {
            var access = field.Attributes & FieldAttributes.FieldAccessMask;
            if (!onlyVirtual && IsOpen((int)access, isFriend))
                yield return SignatureText.Of(_reader, field);
        }
    }

    // Methods and fields number their access levels alike.
    private static bool IsOpen(int access, bool isFriend) => (MethodAttributes)access switch
    {
        MethodAttributes.Public or MethodAttributes.Family or MethodAttributes.FamORAssem => true,
        MethodAttributes.Assembly or MethodAttributes.FamANDAssem => isFriend,
        _ => false,
    };

    // The assemblies named by [InternalsVisibleTo].
    private IEnumerable<string> Friends()
    {
        foreach (var attribute in _reader.GetAssemblyDefinition().GetCustomAttributes().Select(_reader.GetCustomAttribute))
        {
            if (attribute.Constructor.Kind != HandleKind.MemberReference)
                continue;
            var constructor = _reader.GetMemberReference((MemberReferenceHandle)attribute.Constructor);
            if (TypeReferenceOf(constructor.Parent)?.Type is not "System.Runtime.CompilerServices.InternalsVisibleToAttribute")
                continue;
            var value = _reader.GetBlobReader(attribute.Value);
            value.ReadUInt16(); // the prolog, always 1
            yield return new AssemblyName(value.ReadSerializedString()!).Name!;
        }
    }

    // The type in another assembly behind a handle, the generic definition for an instance of one; null for all other handles.
    private ContractReference? TypeReferenceOf(EntityHandle handle) => handle.Kind switch
    {
        HandleKind.TypeReference => TypeReferenceOf((TypeReferenceHandle)handle),
        HandleKind.TypeSpecification => TypeReferenceOf(GenericTypeOf((TypeSpecificationHandle)handle)),
        _ => null,
    };

    private ContractReference TypeReferenceOf(TypeReferenceHandle handle)
    {
        var type = _reader.GetTypeReference(handle);
        return new ContractReference(AssemblyOf(type), SignatureText.NameOf(_reader, type), Member: null);
    }

    private EntityHandle GenericTypeOf(TypeSpecificationHandle handle)
    {
        var signature = _reader.GetBlobReader(_reader.GetTypeSpecification(handle).Signature);
        if (signature.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance)
            return default;
        signature.ReadCompressedInteger(); // class or value type
        return signature.ReadTypeHandle();
    }

    private string AssemblyOf(TypeReference type) => type.ResolutionScope.Kind switch
    {
        HandleKind.AssemblyReference =>
            _reader.GetString(_reader.GetAssemblyReference((AssemblyReferenceHandle)type.ResolutionScope).Name),
        HandleKind.TypeReference => AssemblyOf(_reader.GetTypeReference((TypeReferenceHandle)type.ResolutionScope)),
        _ => Name,
    };
}
