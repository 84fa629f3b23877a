// Turns signatures from metadata into text that is equal exactly where the runtime holds two signatures for the same.
// Types are named without their assembly: the system types live in other assemblies for other target frameworks.
using System.Collections.Immutable;
using System.Reflection.Metadata;

namespace LogKit.Tests.Compat;

internal sealed class SignatureText : ISignatureTypeProvider<string, object?>
{
    private static readonly SignatureText Provider = new();

    public static string OfMethod(string name, MethodSignature<string> signature) =>
        $"{(signature.Header.IsInstance ? "instance" : "static")} method {signature.ReturnType} " +
        $"{name}`{signature.GenericParameterCount}({string.Join(", ", signature.ParameterTypes)})";

    public static string Of(MetadataReader reader, MemberReference member)
    {
        var name = reader.GetString(member.Name);
        return member.GetKind() == MemberReferenceKind.Field
            ? $"field {member.DecodeFieldSignature(Provider, null)} {name}"
            : OfMethod(name, member.DecodeMethodSignature(Provider, null));
    }

    public static string Of(MetadataReader reader, MethodDefinition method) =>
        OfMethod(reader.GetString(method.Name), method.DecodeSignature(Provider, null));

    public static string Of(MetadataReader reader, FieldDefinition field) =>
        $"field {field.DecodeSignature(Provider, null)} {reader.GetString(field.Name)}";

    public static string NameOf(MetadataReader reader, TypeReference type)
    {
        var name = reader.GetString(type.Name);
        return type.ResolutionScope.Kind == HandleKind.TypeReference
            ? $"{NameOf(reader, reader.GetTypeReference((TypeReferenceHandle)type.ResolutionScope))}+{name}"
            : Qualified(reader.GetString(type.Namespace), name);
    }

    public static string NameOf(MetadataReader reader, ExportedType type) =>
        Qualified(reader.GetString(type.Namespace), reader.GetString(type.Name));

    public static string NameOf(MetadataReader reader, TypeDefinition type)
    {
        var name = reader.GetString(type.Name);
        return type.GetDeclaringType().IsNil
            ? Qualified(reader.GetString(type.Namespace), name)
            : $"{NameOf(reader, reader.GetTypeDefinition(type.GetDeclaringType()))}+{name}";
    }

    public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) =>
        Kind(rawTypeKind) + NameOf(reader, reader.GetTypeDefinition(handle));

    public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) =>
        Kind(rawTypeKind) + NameOf(reader, reader.GetTypeReference(handle));

    public string GetTypeFromSpecification(
        MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind) =>
        reader.GetTypeSpecification(handle).DecodeSignature(this, genericContext);

    public string GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode.ToString();

    public string GetGenericInstantiation(string genericType, ImmutableArray<string> typeArguments) =>
        $"{genericType}<{string.Join(", ", typeArguments)}>";

    public string GetGenericTypeParameter(object? genericContext, int index) => $"!{index}";

    public string GetGenericMethodParameter(object? genericContext, int index) => $"!!{index}";

    public string GetSZArrayType(string elementType) => $"{elementType}[]";

    public string GetArrayType(string elementType, ArrayShape shape) => $"{elementType}[rank {shape.Rank}]";

    public string GetByReferenceType(string elementType) => $"{elementType}&";

    public string GetPointerType(string elementType) => $"{elementType}*";

    public string GetPinnedType(string elementType) => $"pinned {elementType}";

    public string GetModifiedType(string modifier, string unmodifiedType, bool isRequired) =>
        $"{unmodifiedType} {(isRequired ? "modreq" : "modopt")}({modifier})";

    public string GetFunctionPointerType(MethodSignature<string> signature) => OfMethod("*", signature);

    private static string Qualified(string space, string name) => space.Length == 0 ? name : $"{space}.{name}";

    private static string Kind(byte rawTypeKind) => rawTypeKind switch
    {
        (byte)SignatureTypeKind.ValueType => "struct ",
        (byte)SignatureTypeKind.Class => "class ",
        _ => "",
    };
}
