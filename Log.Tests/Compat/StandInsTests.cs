// Proves from metadata that the gRPC server and client packages find all they refer to in Grpc.Core.Api and Grpc.Net.Common,
// whether those are the stand-ins of compat/ or the real packages. Without this a missing member shows only when it is called.
using System.Reflection;

namespace LogKit.Tests.Compat;

public sealed class StandInsTests
{
    private static readonly string[] ContractAssemblies = ["Grpc.Core.Api", "Grpc.Net.Common"];

    // How much of the contracts a package uses at least: a reader that finds nothing would prove nothing.
    public static TheoryData<string, int> Packages { get; } = new()
    {
        { "Grpc.AspNetCore.Server", 90 },
        { "Grpc.Net.Client", 90 },
    };

    [Theory]
    [MemberData(nameof(Packages))]
    public void Every_type_and_member_that_a_package_refers_to_exists_with_the_same_signature(string packageName, int fewest)
    {
        using var package = AssemblyFile.Open(packageName);
        using var contracts = new ContractSet(ContractAssemblies);

        var referred = package.ReferencesTo(ContractAssemblies);
        var missing = referred.Where(reference => !contracts.Offers(reference, to: packageName)).ToList();

        Assert.True(missing.Count == 0, Listing($"{packageName} refers to what does not exist", missing));
        Assert.True(referred.Count >= fewest, $"{packageName} seems to refer to {referred.Count} types and members only.");
    }

    [Theory]
    [MemberData(nameof(Packages))]
    public void Every_method_that_a_package_overrides_is_virtual_in_its_base(string packageName, int _)
    {
        using var package = AssemblyFile.Open(packageName);
        using var contracts = new ContractSet(ContractAssemblies);

        var overrides = package.OverridesOf(ContractAssemblies);
        var missing = overrides.Where(reference => !contracts.OffersVirtual(reference)).ToList();

        Assert.True(missing.Count == 0, Listing($"{packageName} overrides what cannot be overridden", missing));
        Assert.NotEmpty(overrides);
    }

    [Theory]
    [MemberData(nameof(Packages))]
    public void Every_type_of_a_package_loads(string packageName, int _)
    {
        // Throws if an abstract method or an interface has gained a member that the package does not implement.
        var types = Assembly.Load(packageName).GetTypes();

        Assert.NotEmpty(types);
    }

    [Theory]
    [MemberData(nameof(Packages))]
    public void A_package_is_satisfied_by_the_identity_of_the_contracts(string packageName, int _)
    {
        var references = Assembly.Load(packageName).GetReferencedAssemblies()
            .Where(name => ContractAssemblies.Contains(name.Name))
            .ToList();

        Assert.Equal(ContractAssemblies.Length, references.Count);
        Assert.All(references, reference =>
        {
            var found = Assembly.Load(reference.Name!).GetName();
            Assert.Equal(reference.GetPublicKeyToken(), found.GetPublicKeyToken());
            Assert.True(found.Version >= reference.Version, $"{packageName} asks for {reference}, and there is {found}.");
        });
    }

    private static string Listing(string title, IEnumerable<ContractReference> references)
    {
        var lines = references.Select(reference => reference.ToString()).Order(StringComparer.Ordinal);
        return string.Join(Environment.NewLine, lines.Prepend($"{title}:"));
    }
}
